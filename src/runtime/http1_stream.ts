/** Streams over HTTP/1.1 that break off. */

/** What a stream goes out on. */
interface Outgoing {
  /** Ends the connection at once. */
  destroy(): unknown;
}

/**
 * The same response, but if its stream breaks off, so does the connection, also while the client takes
 * nothing: it cannot take what came for all of it. The adapter of HTTP/1.1 would write the error to the
 * console and into the body. A response of known length passes as it is.
 */
export function breakWithStream(response: Response, outgoing: Outgoing): Response {
  const { body } = response;
  if (body === null || response.headers.has("content-length")) return response;
  const reader = body.getReader();
  // Broken: what is read from it stays open, until the connection's end has it canceled.
  reader.closed.catch(() => outgoing.destroy());
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch {
          // As above.
        }
      },
      cancel: (reason) => reader.cancel(reason).catch(() => {}),
    },
    { highWaterMark: 0 },
  );
  return new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>, response);
}
