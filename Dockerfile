# An image with the static program alone. `make dist` puts the programs into target/image, then
#
#     docker build --file Dockerfile --tag crossrank target/image
#     docker run --publish 127.0.0.1:8787:8787 crossrank
#
# Whoever reaches the published port may send requests. With a file of tokens, only those who have one:
#
#     docker run --publish 8787:8787 --volume ./tokens:/tokens:ro crossrank \
#       serve --host 0.0.0.0 --token-file /tokens
FROM scratch
ARG TARGETARCH
LABEL org.opencontainers.image.source="https://github.com/OWNER/crossrank" \
  org.opencontainers.image.description="The crossrank command, with its models" \
  org.opencontainers.image.licenses="(MIT OR Apache-2.0) AND Apache-2.0"
COPY ${TARGETARCH}/crossrank /crossrank
USER 65532:65532
EXPOSE 8787
ENTRYPOINT ["/crossrank"]
CMD ["serve", "--host", "0.0.0.0", "--allow-anonymous"]
