# The image of devicebridge: one static binary, no shell, no package manager, user 65532.
#
#   docker build -t devicebridge --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# Behind a mirror, name both base images: --build-arg BUILD_IMAGE=… --build-arg RUN_IMAGE=… . What RUN_IMAGE must have:
# CA certificates (for Graph) and nothing else. GOPROXY and GOFLAGS may be given too.
ARG BUILD_IMAGE=docker.io/library/golang:1.26
ARG RUN_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
ARG GOPROXY
ARG GOFLAGS
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=0.0.0-dev
ARG REVISION=
# Without GOOS and GOARCH, for the platform that the base image is of.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.stampedVersion=${VERSION} -X main.stampedCommit=${REVISION}" \
      -o /out/devicebridge ./cmd/devicebridge \
 && /out/devicebridge version \
 && mkdir -p /out/data

FROM ${RUN_IMAGE}
ARG VERSION=0.0.0-dev
ARG REVISION=
LABEL org.opencontainers.image.title="devicebridge" \
      org.opencontainers.image.description="Webhook receiver and event bridge between NATS and Microsoft Graph device commands" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build --chmod=0755 /out/devicebridge /usr/local/bin/devicebridge
# A new volume takes this folder's owner, so that nothing has to run as root first.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /var/lib/devicebridge
ENV BRIDGE_DATA_DIR=/var/lib/devicebridge
VOLUME ["/var/lib/devicebridge"]
USER 65532:65532
# Postbacks; metrics and health; clients of the NATS server inside.
EXPOSE 8080 8081 4222
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/local/bin/devicebridge", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/devicebridge"]
CMD ["serve"]
