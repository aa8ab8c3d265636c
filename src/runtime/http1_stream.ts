/** Response streams over HTTP/1.1 that fail. */

/** The outgoing message. */
interface Outgoing {
  /** Ends the connection at once. */
  destroy(): unknown;
}

/**
 * The same response, but a failure of its stream ends the connection, even while the client reads
 * nothing, so that the client cannot mistake a part of the body for all of it. (The HTTP/1.1 adapter
 * would write the error to the console and into the body.) A response of known length is unchanged.
 */
export function breakWithStream(response: Response, outgoing: Outgoing): Response {
  const { body } = response;
  if (body === null || response.headers.has("content-length")) return response;
  const reader = body.getReader();
  // The stream below stays open; the end of the connection cancels it.
  reader.closed.catch(() => outgoing.destroy());
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch {
          // Handled above.
        }
      },
      cancel: (reason) => reader.cancel(reason).catch(() => {}),
    },
    { highWaterMark: 0 },
  );
  return new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>, response);
}
