# Two stages: build the executable with the pinned Bun, then ship it alone.
#   docker build -t sluice --build-arg COMMIT=$(git rev-parse --short=12 HEAD) .
#   docker run --read-only --tmpfs /tmp -p 8100:8100 -v sluice:/data -e DATABASE_URL=… -e S3_BUCKET_RAW=… sluice
# compose.yml runs it with Postgres and an S3 server.
FROM oven/bun:1.4.5-slim AS build
WORKDIR /src
COPY package.json bun.lock ./
COPY src/db/patches src/db/patches
RUN bun install --frozen-lockfile --production
COPY src src
COPY sql sql
COPY tsconfig.json bunfig.toml ./
ARG COMMIT=unknown
RUN bun build --compile --root src src/main.ts src/worker/thread.ts src/db/embedded/thread.ts \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig --minify-syntax --sourcemap --bytecode --format=esm \
    --define "SLUICE_COMMIT=\"$COMMIT\"" --outfile /sluice

FROM debian:trixie-slim
RUN useradd --system --uid 10001 --home-dir /data sluice && install -d -o sluice -g sluice -m 700 /data
COPY --from=build /sluice /usr/local/bin/sluice
USER sluice
WORKDIR /data
VOLUME /data
# A process that only works (serve --worker-only) answers for its health too.
# The last one keeps the garbage collector from doubling the heap: see docs/sizing.md.
ENV HOST=0.0.0.0 DATA_DIR=/data BUN_JSC_forceRAMSize=268435456
EXPOSE 8100
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PORT:-8100} && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '200 OK' <&3"]
ENTRYPOINT ["sluice"]
CMD ["serve"]
