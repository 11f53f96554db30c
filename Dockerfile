# hilum in a container: answers without a network, as nobody in particular.
#
#   docker build -t hilum .
#   docker run --rm --network none --user "$(id -u)" -v "$PWD:/data" hilum predict film.dcm --bundle bundle --out answer.csv
#
# pip takes torch from wherever it is set up to look. TORCH_INDEX names one more place, such as the one with wheels
# for CPU alone, or for another CUDA:   docker build --build-arg TORCH_INDEX=https://… -t hilum .
# EXTRAS=dicom,track adds MLflow, which is larger than all the rest but torch.

FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
ARG EXTRAS="dicom"
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/hilum
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN /opt/hilum/bin/pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[$EXTRAS]"

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 hilum && install -d -o hilum /data
COPY --from=build /opt/hilum /opt/hilum
# Start weights are the only thing hilum ever fetches; in here they come as files.
# What libraries cache goes to /tmp, so that any --user can run it.
ENV PATH="/opt/hilum/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 MLFLOW_DISABLE_TELEMETRY=true \
    MPLCONFIGDIR=/tmp/matplotlib
USER hilum
WORKDIR /data
ENTRYPOINT ["hilum"]
CMD ["--help"]
