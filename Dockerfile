# syntax=docker/dockerfile:1

# GraphiQL's prebuilt files, each package held to the hash in the lock file; build.rs embeds four of them.
FROM node:22-bookworm-slim AS playground
WORKDIR /playground
COPY playground/package.json playground/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
COPY --from=playground /playground/node_modules playground/node_modules
# The caches outlive the build but are no part of its layers, so the program is copied out in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked --bin roost \
    && cp target/dist/roost /usr/local/bin/roost \
    && mkdir /data

# glibc, certificates and nothing else: no shell, no package manager. So there is no HEALTHCHECK either; let whatever
# runs the container ask GET /health/ready.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/roost /usr/local/bin/roost
COPY --from=build --chown=nonroot:nonroot /data /data
ENV ROOST_LISTEN=0.0.0.0:8000 \
    ROOST_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/roost"]
CMD ["serve"]
