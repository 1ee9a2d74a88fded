/** Two builds side by side: how long each operation took, errors that are new or gone, edges that only one of them has. */
import type { JSX } from 'preact'
import { useAnswer } from '../asking.ts'
import { Page } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Swatch } from '../parts/value.tsx'
import { ago, duration, hue, number, percent } from '../show.ts'
import { go, query, to, withQuery } from '../where.ts'
import { t } from '../words/words.ts'

type Build = {
  readonly version: string
  readonly services: readonly string[]
  readonly first: number
  readonly last: number
  readonly spans: number
}
type Count = { readonly spans: number; readonly failed: number; readonly p50?: number; readonly p99?: number }
type Group = { readonly fingerprint: string; readonly type: string; readonly message: string; readonly times: number }
type Edge = { readonly from: string; readonly to: string; readonly by: string; readonly before: number; readonly after: number }
type Comparison = {
  readonly operations: readonly {
    readonly service: string
    readonly name: string
    readonly before: Count
    readonly after: Count
  }[]
  readonly errors: readonly Group[]
  readonly gone: readonly Group[]
  readonly edges: readonly Edge[]
}

export function Builds(): JSX.Element {
  const answer = useAnswer<{ readonly builds: readonly Build[] }>('builds', 'list', {}, 10_000)
  const builds = answer.value?.builds ?? []
  // The last two, until somebody says others.
  const after = query.value.get('after') ?? builds[0]?.version
  const before = query.value.get('before') ?? builds.find(({ version }) => version !== after)?.version
  return (
    <Page
      title={t('page.builds')}
      about={t('builds.about')}
      tools={
        builds.length > 1 && (
          <>
            <Choose name="before" chosen={before} builds={builds} />
            <span aria-hidden="true">→</span>
            <Choose name="after" chosen={after} builds={builds} />
          </>
        )
      }
    >
      <Shown answer={answer}>
        {() =>
          before === undefined || after === undefined ? (
            <Empty title={t('builds.none')}>
              <p>{t('builds.noneHint')}</p>
            </Empty>
          ) : (
            <Compared key={`${before} ${after}`} asked={{ before, after }} />
          )
        }
      </Shown>
    </Page>
  )
}

const Choose = ({
  name,
  chosen,
  builds,
}: {
  readonly name: 'before' | 'after'
  readonly chosen: string | undefined
  readonly builds: readonly Build[]
}): JSX.Element => (
  <select
    class="field"
    aria-label={t(`builds.${name}`)}
    value={chosen}
    onChange={(event) => go(withQuery({ [name]: event.currentTarget.value }), { replace: true })}
  >
    {builds.map(({ version, last, spans }) => (
      <option key={version} value={version}>
        {version} · {ago(last)} · {t('builds.spans', { count: number(spans) })}
      </option>
    ))}
  </select>
)

function Compared({ asked }: { readonly asked: { readonly before: string; readonly after: string } }): JSX.Element {
  const answer = useAnswer<Comparison>('builds', 'compare', asked, 10_000)
  return (
    <Shown answer={answer}>
      {({ operations, errors, gone, edges }) => (
        <div class="body flush" tabIndex={0} role="region" aria-label={t('page.builds')}>
          <Operations rows={operations} />
          <Errors title={t('builds.errors')} none={t('builds.noErrors')} groups={errors} bad />
          {gone.length > 0 && <Errors title={t('builds.gone')} none="" groups={gone} />}
          <Edges edges={edges.filter((edge) => edge.before === 0 || edge.after === 0)} />
        </div>
      )}
    </Shown>
  )
}

const both = (from: number | undefined, until: number | undefined, say: (value: number) => string): JSX.Element => (
  <span class={from === until ? 'quiet' : ''}>
    {from === undefined ? '–' : say(from)} → {until === undefined ? '–' : say(until)}
  </span>
)
const share = ({ spans, failed }: Count): number => (spans === 0 ? 0 : failed / spans)
/** A fifth and half a millisecond: less is what two runs of the same build differ by. */
const slower = (from: number | undefined, until: number | undefined): string => {
  if (from === undefined || until === undefined) return ''
  return until > from * 1.2 + 0.5 ? 'bad' : until < from * 0.8 - 0.5 ? 'good' : ''
}

const Operations = ({ rows }: { readonly rows: Comparison['operations'] }): JSX.Element => (
  <Table
    label={t('builds.operations')}
    rows={rows}
    id={({ service, name }) => `${service} ${name}`}
    onOpen={({ service, name }) => go(`/traces?service=${encodeURIComponent(service)}&operation=${encodeURIComponent(name)}`)}
    columns={[
      {
        id: 'name',
        title: t('filter.operation'),
        class: 'name',
        by: ({ service, name }) => `${service} ${name}`,
        cell: ({ service, name, before, after }) => (
          <span class="named">
            <Swatch hue={hue(service)} />
            <span class="cut">
              <span class="quiet">{service}</span> {name}
            </span>
            {before.spans === 0 && <span class="tag accent">{t('compare.new')}</span>}
            {after.spans === 0 && <span class="tag">{t('compare.gone')}</span>}
          </span>
        ),
      },
      {
        id: 'count',
        title: t('compare.count'),
        number: true,
        wide: true,
        by: ({ after }) => after.spans,
        cell: ({ before, after }) => both(before.spans, after.spans, number),
      },
      {
        id: 'p50',
        title: 'p50',
        number: true,
        wide: true,
        by: ({ after }) => after.p50 ?? 0,
        cell: ({ before, after }) => <span class={slower(before.p50, after.p50)}>{both(before.p50, after.p50, duration)}</span>,
      },
      {
        id: 'p99',
        title: 'p99',
        number: true,
        by: ({ after }) => after.p99 ?? 0,
        cell: ({ before, after }) => <span class={slower(before.p99, after.p99)}>{both(before.p99, after.p99, duration)}</span>,
      },
      {
        id: 'failed',
        title: t('traces.failed'),
        number: true,
        by: ({ before, after }) => share(after) - share(before),
        cell: ({ before, after }) => (
          <span class={share(after) > share(before) ? 'bad' : ''}>{both(share(before), share(after), percent)}</span>
        ),
      },
    ]}
  />
)

const Errors = ({
  title,
  none,
  groups,
  bad = false,
}: {
  readonly title: string
  readonly none: string
  readonly groups: readonly Group[]
  readonly bad?: boolean
}): JSX.Element => (
  <section class="stacked">
    <h2>{title}</h2>
    {groups.length === 0 && <p class="quiet">{none}</p>}
    <ul>
      {groups.map(({ fingerprint, type, message, times }) => (
        <li key={fingerprint} class="wrap">
          <a href={to('exceptions', fingerprint)} class={bad ? 'bad' : ''}>
            <b>{type}</b> {message}
          </a>{' '}
          <span class="quiet">×{number(times)}</span>
        </li>
      ))}
    </ul>
  </section>
)

const Edges = ({ edges }: { readonly edges: readonly Edge[] }): JSX.Element => (
  <section class="stacked">
    <h2>{t('builds.edges')}</h2>
    {edges.length === 0 && <p class="quiet">{t('builds.noEdges')}</p>}
    <ul>
      {edges.map((edge) => (
        <li key={`${edge.from} ${edge.to} ${edge.by}`}>
          {edge.from} → {edge.to} <span class="quiet">{t(edge.by === 'message' ? 'builds.message' : 'builds.call')}</span>{' '}
          <span class={`tag ${edge.before === 0 ? 'accent' : ''}`}>{t(edge.before === 0 ? 'compare.new' : 'compare.gone')}</span>{' '}
          <span class="quiet">×{number(Math.max(edge.before, edge.after))}</span>
        </li>
      ))}
    </ul>
  </section>
)
