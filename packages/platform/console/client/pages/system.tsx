/** The system at a glance: its map as traffic draws it, its health, its processes. */
import type { JSX } from 'preact'
import { has, operationOf } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { edgesOf, type Edge, type MapEdge, type SeenEdge } from '../model/map.ts'
import { Detail, Figure, Page } from '../parts/page.tsx'
import { Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Facts } from '../parts/value.tsx'
import { ago, duration, percent } from '../show.ts'
import { go, query, withQuery } from '../where.ts'
import { t, tell } from '../words/words.ts'
import { edgeText, Legend, rate, stateOf, SystemMap, WINDOW, type ServiceHealth } from './system-map.tsx'

type Health = {
  readonly ready: { readonly ok: boolean; readonly reasons: readonly string[] }
  readonly services: readonly ServiceHealth[]
}
type Processes = {
  readonly supervised: boolean
  readonly processes: readonly {
    readonly name: string
    readonly pid?: number
    readonly thread?: number
    readonly restarts: number
    readonly members: readonly string[]
  }[]
}
type Edges = { readonly edges: readonly SeenEdge[] }
type Topic = {
  readonly events: readonly { readonly service: string }[]
  /** `mail/order.placed`: the service and what it reacts to. */
  readonly groups: readonly { readonly group: string }[]
}

export function System(): JSX.Element {
  const health = useAnswer<Health>('health', 'show', {}, 2_000)
  const processes = useAnswer<Processes>('processes', 'list', has('processes') ? {} : undefined, 5_000)
  const traffic = useAnswer<Edges>(
    'traces',
    'edges',
    operationOf('traces', 'edges') === undefined ? undefined : { from: Math.floor((Date.now() - WINDOW) / 10_000) * 10_000 },
    5_000,
  )
  const topics = useAnswer<readonly Topic[]>('topics', 'list', has('topics') ? {} : undefined, 30_000)
  return (
    <Page title={t('page.system')} about={health.value && <Summary health={health.value} />}>
      <Shown answer={health}>
        {(found) => (
          <Overview
            health={found}
            processes={processes.value}
            edges={edgesOf(traffic.value?.edges ?? [], declaredBy(topics.value))}
            counted={traffic.value !== undefined}
          />
        )}
      </Shown>
    </Page>
  )
}

/** Who announces, and who is subscribed: contracts and the broker's groups say so. */
function declaredBy(topics: readonly Topic[] | undefined): readonly Edge[] | undefined {
  const all = topics?.flatMap(({ events, groups }) =>
    events.flatMap(({ service }) =>
      groups.map(({ group }) => ({ from: service, to: group.split('/')[0]!, by: 'message' as const })),
    ),
  )
  return all?.filter(({ from, to }) => from !== to)
}

const Summary = ({ health }: { readonly health: Health }): JSX.Element => (
  <span class={health.ready.ok ? 'good' : 'bad'}>
    {health.ready.ok ? t('system.ready') : t('system.notReady', { count: health.services.filter(({ ready }) => !ready).length })}
  </span>
)

function Overview({
  health,
  processes,
  edges,
  counted,
}: {
  readonly health: Health
  readonly processes: Processes | undefined
  readonly edges: readonly MapEdge[]
  readonly counted: boolean
}): JSX.Element {
  const chosen = query.value.get('service') ?? undefined
  const services = Map.groupBy(health.services, ({ service }) => service)
  const calls = edges.filter(({ by }) => by === 'call').reduce((sum, { times }) => sum + times, 0)
  const messages = edges.filter(({ by }) => by === 'message').reduce((sum, { times }) => sum + times, 0)
  const failed = edges.reduce((sum, one) => sum + one.failed, 0)
  return (
    <>
      <div class="figures">
        <Figure value={services.size} label={t('system.services')} />
        <Figure value={health.services.length} label={t('system.copies')} />
        {processes !== undefined && <Figure value={processes.processes.length} label={t('system.processes')} />}
        {counted && (
          <>
            <Figure value={rate(calls)} label={t('system.calls')} />
            <Figure value={rate(messages)} label={t('system.events')} />
            <Figure
              value={percent(failed / Math.max(1, calls + messages))}
              label={t('system.failed')}
              class={failed > 0 ? 'bad' : ''}
            />
          </>
        )}
      </div>
      <div class={`split ${chosen === undefined ? '' : 'open'}`}>
        <div class="list body stack" tabIndex={0} role="region" aria-label={t('system.map')}>
          <SystemMap services={services} edges={edges} chosen={chosen} />
          <Legend counted={counted} />
          <Services health={health} processes={processes} />
        </div>
        {chosen !== undefined && (
          <OneService name={chosen} copies={services.get(chosen) ?? []} edges={edges} processes={processes} />
        )}
      </div>
    </>
  )
}

function Services({ health, processes }: { readonly health: Health; readonly processes: Processes | undefined }): JSX.Element {
  const processOf = (copy: ServiceHealth): string =>
    processes?.processes.find(({ name, members }) => name === copy.copy || members.includes(copy.service))?.name ?? '–'
  return (
    <div class="scroll">
      <Table
        label={t('system.services')}
        rows={health.services}
        id={({ copy }) => copy}
        open={query.value.get('service') ?? undefined}
        onOpen={({ service }) => go(withQuery({ service }), { replace: true })}
        inset
        columns={[
          {
            id: 'copy',
            title: t('system.copy'),
            by: ({ copy }) => copy,
            cell: (one) => (
              <span class="named">
                <i class={`dot ${stateOf([one])}`} aria-hidden="true" />
                {one.copy}
              </span>
            ),
          },
          { id: 'state', title: t('system.state'), by: ({ state }) => state, cell: ({ state }) => tell('running', state) },
          { id: 'process', title: t('system.process'), wide: true, by: processOf, cell: processOf },
          {
            id: 'why',
            title: t('system.why'),
            cell: ({ reasons, warnings }) => (
              <span title={[...reasons, ...warnings].join('\n')}>{[...reasons, ...warnings].join(' · ') || '–'}</span>
            ),
          },
        ]}
      />
    </div>
  )
}

function OneService({
  name,
  copies,
  edges,
  processes,
}: {
  readonly name: string
  readonly copies: readonly ServiceHealth[]
  readonly edges: readonly MapEdge[]
  readonly processes: Processes | undefined
}): JSX.Element {
  const close = (): void => go(withQuery({ service: undefined }), { replace: true })
  const own = edges.filter(({ from, to }) => from === name || to === name)
  const process = processes?.processes.find(({ members }) => members.includes(name))
  return (
    <Detail
      title={name}
      about={copies.length === 0 ? t('system.outside') : t('system.copiesOf', { count: copies.length })}
      close={close}
    >
      {copies.map((copy) => (
        <section key={copy.copy}>
          <h3>{copy.copy}</h3>
          <Facts
            facts={[
              [t('system.state'), tell('running', copy.state)],
              [t('system.why'), [...copy.reasons, ...copy.warnings].join('\n')],
              ...copy.dependencies.map((one): readonly [string, JSX.Element] => [
                one.name,
                <span class={one.state === 'down' ? 'bad' : ''}>
                  {tell('dependency', one.state)}
                  {one.latency !== undefined && ` · ${duration(one.latency)}`}
                  {one.since !== undefined && one.state === 'down' && ` · ${ago(one.since)}`}
                  {one.reason !== undefined && ` · ${one.reason}`}
                </span>,
              ]),
            ]}
          />
        </section>
      ))}
      {process !== undefined && (
        <section>
          <h3>{t('system.process')}</h3>
          <Facts
            facts={[
              [t('system.name'), process.name],
              ['pid', process.pid],
              [t('system.restarts'), process.restarts],
              [t('system.with'), process.members.filter((one) => one !== name).join(', ')],
            ]}
          />
        </section>
      )}
      {own.length > 0 && (
        <section>
          <h3>{t('system.traffic')}</h3>
          <ul>
            {own.map((edge) => (
              <li key={`${edge.from} ${edge.to} ${edge.by}`} class={edge.failed > 0 ? 'bad' : ''}>
                {edgeText(edge)}
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="gap">
        {has('traces') && (
          <a class="button" href={`/traces?service=${encodeURIComponent(name)}`}>
            {t('page.traces')}
          </a>
        )}
        {has('logs') && (
          <a class="button" href={`/logs?service=${encodeURIComponent(name)}`}>
            {t('page.logs')}
          </a>
        )}
        {has('letters') && (
          <a class="button" href={`/letters?consumer=${encodeURIComponent(name)}`}>
            {t('page.letters')}
          </a>
        )}
      </section>
    </Detail>
  )
}
