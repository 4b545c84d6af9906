import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Names and values of labels; the values are few, or a metric would have a series per value. */
type Labels = Readonly<Record<string, string>>;

interface MetricDefinition {
  /** By Prometheus' conventions: `alphapo_…`, with its base unit at the end, `_total` behind it where it counts. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

interface CounterMetric {
  add(value: number, labels?: Labels): void;
}

interface GaugeMetric {
  set(value: number, labels?: Labels): void;
  add(value: number, labels?: Labels): void;
  /** Forgets all series: those that are not set again are gone. */
  reset(): void;
}

interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

/** Durations from a quick call to a long step, in seconds. */
export const SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900];

/**
 * The metrics of this process. A name stands for one metric, whoever asks for it and how often; several services of one
 * process add to the same.
 */
class Meter {
  readonly #registry = new Registry();
  readonly #readers = new Map<string, () => number | undefined>();
  #hasProcessMetrics = false;

  counter(definition: MetricDefinition): CounterMetric {
    const counter = this.#single(definition, (options) => new Counter(options)) as Counter;
    return { add: (value, labels = {}) => counter.inc(labels, value) };
  }

  gauge(definition: MetricDefinition): GaugeMetric {
    const gauge = this.#single(definition, (options) => new Gauge(options)) as Gauge;
    return {
      set: (value, labels = {}) => gauge.set(labels, value),
      add: (value, labels = {}) => gauge.inc(labels, value),
      reset: () => gauge.reset(),
    };
  }

  histogram(definition: MetricDefinition & { readonly buckets: readonly number[] }): HistogramMetric {
    const buckets = [...definition.buckets];
    const histogram = this.#single(definition, (options) => new Histogram({ ...options, buckets })) as Histogram;
    return { observe: (value, labels = {}) => histogram.observe(labels, value) };
  }

  /** A gauge that is read when somebody looks; it has no value while `read` gives none. The last reader of a name counts. */
  observed(definition: Omit<MetricDefinition, 'labels'>, read: () => number | undefined): void {
    const readers = this.#readers;
    readers.set(definition.name, read);
    this.#single(definition, (options) => {
      return new Gauge({
        ...options,
        collect() {
          const value = readers.get(definition.name)?.();
          if (value === undefined) this.remove();
          else this.set(value);
        },
      });
    });
  }

  /** Adds memory, processor time, event loop delay and garbage collection of the process. */
  addProcessMetrics(): void {
    if (this.#hasProcessMetrics) return;
    this.#hasProcessMetrics = true;
    collectDefaultMetrics({ register: this.#registry });
  }

  /** All metrics in Prometheus' text format, and its media type. */
  async exposition(): Promise<{ readonly text: string; readonly contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  #single<T>(
    { name, help, labels = [] }: MetricDefinition,
    make: (options: { name: string; help: string; labelNames: string[]; registers: Registry[] }) => T,
  ): unknown {
    const existing = this.#registry.getSingleMetric(name);
    return existing ?? make({ name, help, labelNames: [...labels], registers: [this.#registry] });
  }
}

export const meter = new Meter();
