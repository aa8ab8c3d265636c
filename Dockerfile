# One image for every node of the tree: TST_… variables make it the root, a relay or a leaf.
# Built in two stages, so that the image has only Node.js and one bundled file.
ARG NODE_IMAGE=node:24.19.0-alpine@sha256:d32cdf619f63fe0471182d08996dd516c6275bb5fd31ae06e55a570bd9e1ad43

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Only the install script of esbuild is needed, which installs its binary.
RUN npm ci --ignore-scripts --no-audit --no-fund && node node_modules/esbuild/install.js
COPY gen gen
COPY src src
RUN npm run bundle

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
    TST_ADDR=0.0.0.0:19700 \
    TST_HTTP_ADDR=0.0.0.0:18700
WORKDIR /app
COPY --from=build /app/dist/node.mjs ./
COPY LICENSE ./
# The user "node" of the image, by number, so that checks for non-root containers recognise it.
USER 1000:1000
EXPOSE 19700 18700
# Ready means that the clock is fresh enough. Uses Node.js, so that the image needs no curl.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${(process.env.TST_HTTP_ADDR ?? ':18700').split(':').pop()}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "node.mjs"]
