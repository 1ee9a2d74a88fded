/** Metrics: which there are, and one of them over time. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useAnswer } from '../asking.ts'
import { linesOf, type Series } from '../model/series.ts'
import { Chart } from '../parts/chart.tsx'
import { Choices, Last, Page, Search, since } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { bytes, compact, duration, number } from '../show.ts'
import { go, path, query, to } from '../where.ts'
import { t } from '../words/words.ts'

type Name = {
  readonly name: string
  readonly kind: Series['kind']
  readonly unit: string
  readonly help: string
  readonly series: number
  readonly services: readonly string[]
}

/** How the collector is asked to tell it. */
type How = 'value' | 'rate' | 'mean' | 'p50' | 'p95' | 'p99'

/** Lines that are drawn; more cannot be told apart. */
const MOST = 24

export function Metrics(): JSX.Element {
  const name = path.value[1]
  const names = useAnswer<{ readonly metrics: readonly Name[] }>('metrics', 'names', {}, 15_000)
  const metric = names.value?.metrics.find((one) => one.name === name)
  return name === undefined ? <List names={names} /> : <One key={name} name={name} metric={metric} />
}

function List({ names }: { readonly names: ReturnType<typeof useAnswer<{ readonly metrics: readonly Name[] }>> }): JSX.Element {
  const words = (query.value.get('q') ?? '').toLowerCase()
  return (
    <Page title={t('page.metrics')} about={t('metrics.about')} tools={<Search label={t('metrics.search')} />}>
      <div class="body flush list" tabIndex={-1}>
        <Shown answer={names}>
          {({ metrics: all }) => {
            const found = all.filter(({ name, help }) => `${name} ${help}`.toLowerCase().includes(words))
            return found.length === 0 ? (
              <Empty title={t('metrics.none')}>
                <p>{t('metrics.noneHint')}</p>
              </Empty>
            ) : (
              <Table
                label={t('page.metrics')}
                rows={found}
                id={({ name }) => name}
                onOpen={({ name }) => go(to('metrics', name))}
                columns={[
                  { id: 'name', title: t('metrics.search'), by: ({ name }) => name, cell: ({ name }) => <code>{name}</code> },
                  { id: 'help', title: t('metrics.what'), wide: true, cell: ({ help }) => help },
                  { id: 'unit', title: t('metrics.unit'), wide: true, by: ({ unit }) => unit, cell: ({ unit }) => unit },
                  {
                    id: 'services',
                    title: t('exceptions.services'),
                    wide: true,
                    by: ({ services }) => services.length,
                    cell: ({ services }) => services.join(', '),
                  },
                  {
                    id: 'series',
                    title: t('metrics.series'),
                    number: true,
                    by: ({ series }) => series,
                    cell: ({ series }) => number(series),
                  },
                ]}
              />
            )
          }}
        </Shown>
      </div>
    </Page>
  )
}

function sayIn(unit: string, how: How): (value: number) => string {
  if (how === 'rate') return (value) => t('rate.perSecond', { rate: unit === 'By' ? bytes(value) : compact(value) })
  if (unit === 's') return (value) => duration(value * 1000)
  if (unit === 'ms') return duration
  return unit === 'By' ? bytes : compact
}

function One({ name, metric }: { readonly name: string; readonly metric: Name | undefined }): JSX.Element {
  const kind = metric?.kind ?? 'gauge'
  const ways: readonly (readonly [How, string])[] =
    kind === 'gauge'
      ? [['value', t('metrics.raw')]]
      : kind === 'counter'
        ? [
            ['rate', t('metrics.rate')],
            ['value', t('metrics.raw')],
          ]
        : [
            ['p99', 'p99'],
            ['p95', 'p95'],
            ['p50', 'p50'],
            ['mean', t('metrics.mean')],
            ['rate', t('metrics.rate')],
          ]
  const how = ways.find(([one]) => one === query.value.get('how'))?.[0] ?? ways[0]![0]
  const input = metric === undefined ? undefined : { name, as: how, from: since(), limit: 200 }
  const answer = useAnswer<{ readonly series: readonly Series[]; readonly complete: boolean }>('metrics', 'series', input, 10_000)
  const words = (query.value.get('q') ?? '').toLowerCase()
  return (
    <Page
      title={<code>{name}</code>}
      about={metric?.help}
      tools={
        <>
          <Search label={t('metrics.find')} />
          {ways.length > 1 && <Choices name="how" label={t('metrics.how')} options={ways} />}
          <Last />
        </>
      }
    >
      <Shown answer={answer}>
        {({ series }) => {
          const found = series.filter((one) => `${one.service} ${JSON.stringify(one.attributes)}`.toLowerCase().includes(words))
          return found.every(({ points }) => points.length === 0) ? (
            <Empty title={t('metrics.none')}>
              <p>{t('metrics.noneHint')}</p>
            </Empty>
          ) : (
            <Drawn series={found} how={how} name={name} unit={metric?.unit ?? found[0]!.unit} />
          )
        }}
      </Shown>
    </Page>
  )
}

function Drawn({
  series,
  how,
  name,
  unit,
}: {
  readonly series: readonly Series[]
  readonly how: How
  readonly name: string
  readonly unit: string
}): JSX.Element {
  const { times, lines } = useMemo(() => linesOf(series), [series])
  const drawn = useMemo(() => lines.slice(0, MOST), [lines])
  const say = sayIn(unit, how)
  const last = (values: readonly (number | null)[]): number => values.findLast((value) => value !== null) ?? 0
  const most = (values: readonly (number | null)[]): number => values.reduce<number>((a, b) => Math.max(a, b ?? a), -Infinity)
  return (
    <div class="body stack" tabIndex={0} role="region" aria-label={name}>
      <div class="card">
        <Chart times={times} lines={drawn} label={name} say={say} />
      </div>
      {lines.length > MOST && <p class="quiet">{t('metrics.tooMany', { count: MOST })}</p>}
      <Table
        label={t('metrics.table')}
        rows={lines}
        id={({ label }) => label}
        inset
        columns={[
          {
            id: 'label',
            title: t('metrics.series'),
            by: ({ label }) => label,
            cell: ({ label }) => <span class="mono">{label}</span>,
          },
          {
            id: 'last',
            title: t('metrics.last'),
            number: true,
            by: ({ values }) => last(values),
            cell: ({ values }) => say(last(values)),
          },
          {
            id: 'most',
            title: t('metrics.most'),
            number: true,
            by: ({ values }) => most(values),
            cell: ({ values }) => say(most(values)),
          },
        ]}
      />
    </div>
  )
}
