import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { init, type SeriesOption } from 'echarts';

/** Numbers of one contestant or measure, in the order of the chart's categories or as points [x, y]. */
export interface Series {
  readonly name: string;
  readonly values: readonly (number | readonly [number, number])[];
}

export interface Chart {
  readonly title: string;
  /** What values are, with their unit. */
  readonly unit: string;
  /** Names of groups of bars; absent: lines over a number. */
  readonly categories?: readonly string[];
  /** What the number is, on a logarithmic axis. */
  readonly over?: string;
  readonly series: readonly Series[];
}

const WIDTH = 480;
const PLOT_HEIGHT = 200;
const TITLE_HEIGHT = 36;
const LEGEND_LINE = 18;
const AXIS_HEIGHT = 64;
const COLUMNS = 2;
/** Okabe and Ito's colours, which people with any colour vision can tell apart. */
const COLOURS = ['#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#000000'];

/** Writes charts, two beside each other, as one SVG into bench/results, and returns its line for a Markdown file. */
export async function writeCharts(name: string, charts: readonly Chart[]): Promise<string> {
  const rows = Math.ceil(charts.length / COLUMNS);
  const header = TITLE_HEIGHT + LEGEND_LINE * Math.max(...charts.map(({ series }) => series.length));
  const height = header + PLOT_HEIGHT + AXIS_HEIGHT;
  const image = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH * COLUMNS, height: height * rows });
  const place = (i: number) => ({ left: (i % COLUMNS) * WIDTH, top: Math.floor(i / COLUMNS) * height });
  image.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: charts.map(({ title, unit }, i) => ({
      text: `${title}, ${unit}`,
      left: place(i).left + 16,
      top: place(i).top + 8,
      textStyle: { fontSize: 14 },
    })),
    legend: charts.map(({ series }, i) => ({
      data: series.map((one) => seriesName(i, one)),
      formatter: (id: string) => id.slice(id.indexOf(' ') + 1),
      orient: 'vertical',
      left: place(i).left + 16,
      top: place(i).top + TITLE_HEIGHT - 6,
      itemGap: LEGEND_LINE - 12,
      itemWidth: 12,
      itemHeight: 12,
      textStyle: { fontSize: 11 },
    })),
    grid: charts.map((_, i) => ({
      left: place(i).left + 56,
      top: place(i).top + header + 12,
      width: WIDTH - 88,
      height: PLOT_HEIGHT,
    })),
    xAxis: charts.map(({ categories, over }, i) =>
      categories === undefined
        ? { gridIndex: i, type: 'log', logBase: 2, name: over, nameLocation: 'middle', nameGap: 26, ...ends(charts, i) }
        : { gridIndex: i, type: 'category', data: [...categories] },
    ),
    yAxis: charts.map((_, i) => ({ gridIndex: i, min: 0 })),
    series: charts.flatMap(({ series, categories }, i) =>
      series.map(
        (one, j): SeriesOption => ({
          name: seriesName(i, one),
          type: categories === undefined ? 'line' : 'bar',
          data: one.values as number[],
          color: COLOURS[j % COLOURS.length] as string,
          xAxisIndex: i,
          yAxisIndex: i,
          label: { show: categories !== undefined, position: 'top', fontSize: 9, formatter: shown },
        }),
      ),
    ),
  });
  const svg = image.renderToSVGString();
  image.dispose();
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.svg`), `${svg}\n`);
  return `![${charts.map(({ title }) => title).join(', ')}](${name}.svg)`;
}

/** Charts of one image share its list of series: names must differ between charts. */
const seriesName = (chart: number, { name }: Series): string => `${chart} ${name}`;

const shown = ({ value }: { readonly value?: unknown }): string =>
  typeof value === 'number' ? Number(value.toPrecision(3)).toLocaleString('en') : '';

function ends(charts: readonly Chart[], i: number): { min: number; max: number } {
  const xs = charts[i]?.series.flatMap(({ values }) => values.map((value) => (value as [number, number])[0])) ?? [];
  return { min: Math.min(...xs), max: Math.max(...xs) };
}
