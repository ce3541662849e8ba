# Builds with: docker build -t parley .
# Runs with:   docker run --restart unless-stopped -e DISCORD_TOKEN -e VALSEA_API_KEY -v ./config:/config parley
# /config holds config.yaml, and the ledger of billed sessions: user 10001 must be able to write there.

FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /venv
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY bot bot
COPY plugins plugins
COPY agent agent
COPY sandbox sandbox
# The lock file as constraints: the pinned versions of what the bot needs, and nothing that only the sandbox needs.
RUN /venv/bin/pip install --no-cache-dir -c requirements.lock .

FROM python:3.12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libopus0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home parley
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER parley
WORKDIR /config
# SIGTERM ends every call and its billed session before the process goes; it needs less than Docker's ten seconds.
STOPSIGNAL SIGTERM
ENTRYPOINT ["parley"]
CMD ["run", "/config/config.yaml"]
