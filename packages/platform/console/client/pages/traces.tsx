/** Traces: which there are, one as a waterfall, two side by side. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { useAnswer } from '../asking.ts'
import { Choices, Last, Page, Select, since } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Swatch } from '../parts/value.tsx'
import { ago, duration, hue, number, short, time } from '../show.ts'
import { go, path, query, to } from '../where.ts'
import { t } from '../words/words.ts'
import { Compare } from './compare.tsx'
import { One } from './trace.tsx'

type Summary = {
  readonly traceId: string
  readonly start: number
  readonly duration: number
  readonly spans: number
  readonly failed: number
  readonly service: string
  readonly name: string
  readonly services: readonly { readonly service: string; readonly spans: number }[]
}

const MOST = 200

export function Traces(): JSX.Element {
  const [, id, , other] = path.value
  if (id === undefined) return <List />
  return other === undefined ? <One key={id} id={id} /> : <Compare key={`${id} ${other}`} ids={[id, other]} />
}

const LONGER = { '100ms': 100, '1s': 1_000, '10s': 10_000 } as const

function List(): JSX.Element {
  const [service, operation, only, longer] = ['service', 'operation', 'only', 'longer'].map((name) => query.value.get(name) ?? '')
  const least = LONGER[longer as keyof typeof LONGER] as number | undefined
  const answer = useAnswer<{ readonly traces: readonly Summary[] }>(
    'traces',
    'list',
    {
      ...{ limit: MOST, from: since() },
      ...(service !== '' && { service }),
      ...(operation !== '' && { operation }),
      ...(only === 'failed' && { failed: true }),
      ...(least !== undefined && { longerThan: least }),
    },
    4_000,
  )
  const known = useAnswer<{ readonly services: readonly { readonly service: string; readonly operations: readonly string[] }[] }>(
    'traces',
    'services',
    {},
    30_000,
  )
  const services = known.value?.services ?? []
  const [first, setFirst] = useState<string>()
  const compare = (id: string): void => {
    if (first === undefined || first === id) setFirst(first === id ? undefined : id)
    else go(to('traces', first, 'with', id))
  }
  return (
    <Page
      title={t('page.traces')}
      about={first === undefined ? t('traces.about') : t('traces.second', { id: short(first) })}
      tools={
        <>
          <OpenById />
          <Select
            name="service"
            label={t('filter.service')}
            all={t('filter.allServices')}
            options={services.map((one) => one.service)}
          />
          <Select
            name="operation"
            label={t('filter.operation')}
            all={t('filter.allOperations')}
            options={
              services.find((one) => one.service === service)?.operations ??
              [...new Set(services.flatMap((one) => one.operations))].sort()
            }
          />
          <Choices
            name="only"
            label={t('traces.which')}
            options={[
              ['all', t('filter.all')],
              ['failed', t('traces.failed')],
            ]}
          />
          <Choices
            name="longer"
            label={t('traces.longer')}
            options={[
              ['any', t('traces.any')],
              ['100ms', '> 100 ms'],
              ['1s', '> 1 s'],
              ['10s', '> 10 s'],
            ]}
          />
          <Last />
        </>
      }
    >
      <div class="body flush list" tabIndex={-1}>
        <Shown answer={answer}>
          {({ traces }) =>
            traces.length === 0 ? (
              <Empty title={t('traces.none')}>
                <p>{t('traces.noneHint')}</p>
              </Empty>
            ) : (
              <Found traces={traces} first={first} compare={compare} />
            )
          }
        </Shown>
      </div>
    </Page>
  )
}

/** The traces that were found; two of them can be chosen to be compared. */
function Found({
  traces,
  first,
  compare,
}: {
  readonly traces: readonly Summary[]
  readonly first: string | undefined
  readonly compare: (id: string) => void
}): JSX.Element {
  return (
    <Table
      label={t('page.traces')}
      rows={traces}
      id={({ traceId }) => traceId}
      open={first}
      onOpen={({ traceId }) => go(to('traces', traceId))}
      columns={[
        {
          id: 'start',
          title: t('traces.start'),
          by: ({ start }) => start,
          cell: ({ start }) => <span title={time(start)}>{ago(start)}</span>,
        },
        {
          id: 'name',
          title: t('traces.began'),
          by: ({ service: own, name }) => `${own} ${name}`,
          cell: ({ service: own, name, failed }) => (
            <span class="named">
              <Swatch hue={hue(own)} />
              <span class="cut">
                <span class="quiet">{own}</span> {name}
              </span>
              {failed > 0 && <span class="tag bad">{t('traces.failures', { count: failed })}</span>}
            </span>
          ),
        },
        {
          id: 'duration',
          title: t('traces.duration'),
          number: true,
          by: ({ duration: ms }) => ms,
          cell: ({ duration: ms }) => duration(ms),
        },
        {
          id: 'spans',
          title: t('traces.spans'),
          number: true,
          by: ({ spans }) => spans,
          cell: ({ spans }) => number(spans),
        },
        {
          id: 'services',
          title: t('traces.services'),
          wide: true,
          by: ({ services: all }) => all.length,
          cell: ({ services: all }) => all.map((one) => one.service).join(', '),
        },
        {
          id: 'id',
          title: t('traces.id'),
          wide: true,
          cell: ({ traceId }) => <code class="quiet">{short(traceId)}</code>,
        },
        {
          id: 'compare',
          title: '',
          wide: true,
          cell: ({ traceId }) => (
            <button type="button" class="button small" aria-pressed={first === traceId} onClick={() => compare(traceId)}>
              {first === undefined || first === traceId ? t('traces.compare') : t('traces.compareWith')}
            </button>
          ),
        },
      ]}
    />
  )
}

function OpenById(): JSX.Element {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        const id = String(new FormData(event.currentTarget).get('id') ?? '')
          .trim()
          .toLowerCase()
        if (id !== '') go(to('traces', id))
      }}
    >
      <input
        type="search"
        name="id"
        class="field search"
        placeholder={t('traces.byId')}
        aria-label={t('traces.byId')}
        pattern="\s*[0-9a-fA-F]{4,32}\s*"
      />
    </form>
  )
}
