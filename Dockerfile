# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
# .sqlx describes the statements: no database is needed to compile. The caches outlive the layer, so that the next build
# compiles only what changed; the binary has to leave them within the same step. `touch`, because cargo goes by the time
# of a file, and a source that is restored with its old time would leave the cached binary as it was.
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    touch src/lib.rs src/main.rs && cargo build --release --locked --bin posthaste && cp target/release/posthaste /posthaste

FROM debian:bookworm-slim
# The roots by which TLS to a relay is verified.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/posthaste --create-home posthaste
COPY --from=build /posthaste /usr/local/bin/posthaste
USER posthaste
WORKDIR /var/lib/posthaste
# Inside a container, loopback is reached by nobody else.
ENV LISTEN_ADDR=0.0.0.0:8080 \
    DATA_DIR=/var/lib/posthaste
EXPOSE 8080
# The image has no curl, but bash speaks TCP. Where the server ends TLS itself (TLS_CERT), give a check of your own.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["posthaste"]
CMD ["serve"]
