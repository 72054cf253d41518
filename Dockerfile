# The images of the controller, of data planes and of the demo backend:
#
#   docker build --target portreeve-controller -t portreeve-controller .
#
# They hold the program and what it needs, and nothing else: e2e/cluster/image/root.sh lists it.
FROM debian:bookworm AS build
WORKDIR /src
COPY . .
RUN hack/deps build
RUN hack/build release portreeve-controller portreeve-dataplane portreeve-demo-backend
RUN for program in portreeve-controller portreeve-dataplane portreeve-demo-backend; do \
      e2e/cluster/image/root.sh "build/release/bin/$program" "/images/$program" || exit 1; \
    done

FROM scratch AS portreeve-demo-backend
COPY --from=build /images/portreeve-demo-backend /
ENV PATH=/usr/local/bin:/usr/bin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/portreeve-demo-backend"]

FROM scratch AS portreeve-dataplane
COPY --from=build /images/portreeve-dataplane /
ENV PATH=/usr/local/bin:/usr/bin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/portreeve-dataplane"]

FROM scratch AS portreeve-controller
COPY --from=build /images/portreeve-controller /
ENV PATH=/usr/local/bin:/usr/bin:/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/portreeve-controller"]
