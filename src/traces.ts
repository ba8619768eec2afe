import { setTimeout } from 'node:timers/promises'
import {
  type Attributes,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { Logger } from 'pino'
import { limits } from './limits.ts'

/** What traces tell of requests and jobs: names, ARNs and times, never inputs or headers. */
export type Traces = {
  /** A request that has been answered; `headers` may say which span of the client it belongs to. */
  request(name: string, headers: object, when: Interval, told: Attributes, failed: boolean): void
  /** A run of a job that begins now. */
  job(name: string, told: Attributes): JobTrace
  /** Sends what is left, within `limits.tracesMs`. */
  close(): Promise<void>
}
export type JobTrace = {
  phase(name: string, when: Interval): void
  end(told: Attributes, failed: boolean): void
}
/** In milliseconds since 1970. */
export type Interval = { began: number; ended: number }

/** Sends spans to where the variables of OpenTelemetry say, in the background. */
export function openTraces(log: Logger): Traces {
  setGlobalErrorHandler((error) =>
    log.warn(`Traces could not be sent: ${error instanceof Error ? error.message : error}`),
  )
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'openpersonalize' }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  const tracer = provider.getTracer('openpersonalize')
  const propagator = new W3CTraceContextPropagator()
  return {
    request(name, headers, { began, ended }, attributes, failed) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
      const kind = SpanKind.SERVER
      finish(tracer.startSpan(name, { kind, startTime: began, attributes }, parent), failed, ended)
    },
    job(name, attributes) {
      const span = tracer.startSpan(name, { kind: SpanKind.CONSUMER, attributes }, ROOT_CONTEXT)
      const parent = trace.setSpan(ROOT_CONTEXT, span)
      return {
        phase: (phase, { began, ended }) =>
          tracer.startSpan(phase, { startTime: began }, parent).end(ended),
        end(told, failed) {
          span.setAttributes(told)
          finish(span, failed)
        },
      }
    },
    close: () =>
      Promise.race([provider.shutdown(), setTimeout(limits.tracesMs, undefined, { ref: false })]),
  }
}

function finish(span: Span, failed: boolean, ended?: number): void {
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(ended)
}
