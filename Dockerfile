# syntax=docker/dockerfile:1

# Installs GraphiQL. npm checks each package against the hash in the lock file; build.rs embeds four of the files.
FROM node:22-bookworm-slim AS playground
WORKDIR /playground
COPY playground/package.json playground/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
COPY --from=playground /playground/node_modules playground/node_modules
# The cache mounts are not part of the image's layers, so the same step copies the program out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked --bin roost \
    && cp target/dist/roost /usr/local/bin/roost \
    && mkdir /data

# The base image has glibc and certificates, but no shell and no curl, so a HEALTHCHECK has no command to run. Let the
# container platform request GET /health/ready instead.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/roost /usr/local/bin/roost
COPY --from=build --chown=nonroot:nonroot /data /data
ENV ROOST_LISTEN=0.0.0.0:8000 \
    ROOST_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/roost"]
CMD ["serve"]
