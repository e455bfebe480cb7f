# Two stages: one installs, from the hashed lock only; the other runs, and can install nothing.
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /build/tools \
 && /build/tools/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements/build.txt
RUN python -m venv --without-pip /opt/gateway \
 && /build/tools/bin/pip --python /opt/gateway/bin/python install \
    --require-hashes --no-deps --only-binary :all: -r requirements/runtime.txt
# What changes daily comes last.
COPY pyproject.toml README.md LICENSE ./
COPY claude_gateway claude_gateway
COPY plugins plugins
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels . ./plugins/*/ \
 && /build/tools/bin/pip --python /opt/gateway/bin/python install --no-deps --no-index /build/wheels/*.whl
# Compiled here, because the container cannot write beside the sources. The files are never checked again: they do not change.
RUN /opt/gateway/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /opt/gateway/lib

FROM ${PYTHON_IMAGE} AS run
LABEL org.opencontainers.image.title="claude-gateway" \
      org.opencontainers.image.description="A self-hosted backend for Claude apps: OpenAI and Anthropic APIs, streaming, plugins." \
      org.opencontainers.image.licenses="MIT"
# 1000 is the first user of most Linux machines, so that mounted folders are usually writable as they are. Another one
# can be chosen at run time (--user); /data lets any user in, because there is only one inside.
RUN groupadd --gid 1000 gateway \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin gateway \
 && install --directory --owner=1000 --group=1000 --mode=1777 /data /workspace
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_DATA_DIR=/data \
    WORKSPACE_DIR=/workspace
USER 1000:1000
# Not the workspace: the gateway reads a .env where it is started, and tools may write files there.
WORKDIR /opt/gateway
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; tls = ssl._create_unverified_context(); u.build_opener(u.ProxyHandler({}), u.HTTPSHandler(context=tls)).open('%s://127.0.0.1:%s/health' % ('https' if os.environ.get('GATEWAY_TLS_CERT') else 'http', os.environ.get('PORT') or '8000'), timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["claude-gateway"]
CMD ["serve"]
