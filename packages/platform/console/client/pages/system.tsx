/** The system at a glance: its map as traffic draws it, its health, its processes. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { has, operationOf } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { edgesOf, NODE_HEIGHT, place, type Edge, type MapEdge, type SeenEdge } from '../model/map.ts'
import { Detail, Figure, Page } from '../parts/page.tsx'
import { Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Facts } from '../parts/value.tsx'
import { ago, compact, duration, percent } from '../show.ts'
import { go, query, withQuery } from '../where.ts'
import { t, tell } from '../words/words.ts'

type Dependency = {
  readonly name: string
  readonly kind: string
  readonly state: 'up' | 'down' | 'unknown'
  readonly since?: number
  readonly reason?: string
  readonly latency?: number
}
type ServiceHealth = {
  readonly service: string
  readonly copy: string
  readonly state: string
  readonly live: boolean
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly warnings: readonly string[]
  readonly dependencies: readonly Dependency[]
}
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

/** Over so long the map counts what goes from whom to whom: milliseconds. */
const WINDOW = 15 * 60_000

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

/** Of what is rare, how often it was: nobody reads anything in 0.003 a second. */
function rate(times: number): string {
  const perSecond = times / (WINDOW / 1000)
  return times > 0 && perSecond < 0.1 ? `${compact(times)}×` : t('rate.perSecond', { rate: compact(perSecond) })
}

function SystemMap({
  services,
  edges,
  chosen,
}: {
  readonly services: ReadonlyMap<string, readonly ServiceHealth[]>
  readonly edges: readonly MapEdge[]
  readonly chosen: string | undefined
}): JSX.Element {
  const narrow = useSignal(innerWidth < 820)
  const names = [...new Set([...services.keys(), ...edges.flatMap(({ from, to }) => [from, to])])].sort()
  // Rates change all the time; where things are changes only when there are others.
  const shape = JSON.stringify([names, edges.map(({ from, to, by }) => [from, to, by]).sort(), narrow.value])
  const placed = useMemo(() => place(names, edges, narrow.value), [shape])
  const now = new Map(edges.map((edge) => [`${edge.from} ${edge.to} ${edge.by}`, edge]))
  return (
    <div class="map" role="group" aria-label={t('system.map')}>
      <svg
        width={placed.width}
        height={placed.height}
        style={{ minWidth: `${Math.round(placed.width * 0.66)}px` }}
        viewBox={`${placed.left} ${placed.top} ${placed.width} ${placed.height}`}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0L8 4L0 8Z" />
          </marker>
        </defs>
        {placed.edges.map(({ edge: old, path, x, y }) => {
          const edge = now.get(`${old.from} ${old.to} ${old.by}`) ?? old
          const marks = [
            edge.by === 'message' ? 'event' : '',
            edge.kind,
            edge.failed > 0 ? 'bad' : '',
            edge.from === chosen || edge.to === chosen ? 'chosen' : '',
          ]
          return (
            <g key={`${edge.from} ${edge.to} ${edge.by}`} class={`edge ${marks.join(' ')}`}>
              <title>{edgeText(edge)}</title>
              <path d={path} marker-end="url(#arrow)" />
              {edge.times > 0 && (
                <text x={x} y={y - 5} text-anchor="middle">
                  {rate(edge.times)}
                  {edge.failed > 0 ? ` · ${percent(edge.failed / edge.times)} ✕` : ''}
                </text>
              )}
            </g>
          )
        })}
        {placed.nodes.map(({ name, x, y, width }) => {
          const copies = services.get(name)
          const state = copies === undefined ? 'outside' : stateOf(copies)
          const open = (): void => go(withQuery({ service: name === chosen ? undefined : name }), { replace: true })
          return (
            <g
              key={name}
              class={`node ${state} ${name === chosen ? 'chosen' : ''}`}
              transform={`translate(${x - width / 2} ${y - NODE_HEIGHT / 2})`}
              role="button"
              tabindex={0}
              aria-pressed={name === chosen}
              onClick={open}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' && event.key !== ' ') return
                event.preventDefault()
                open()
              }}
            >
              <rect width={width} height={NODE_HEIGHT} rx="7" />
              <text x={width / 2} y={20} text-anchor="middle">
                {name}
              </text>
              {/* Between two words, for whoever hears them. */ ' '}
              <text class="small" x={width / 2} y={36} text-anchor="middle">
                {nodeText(copies)}
              </text>
            </g>
          )
        })}
      </svg>
    </div>
  )
}

function edgeText({ from, to, by, times, failed, kind }: MapEdge): string {
  const counted = t(by === 'call' ? 'edge.calls' : 'edge.events', { from, to, times, failed })
  return kind === 'usual' ? counted : `${counted} · ${t(`edge.${kind}`)}`
}

/** Under its name. */
function nodeText(copies: readonly ServiceHealth[] | undefined): string {
  if (copies === undefined) return t('system.outside')
  const state = stateOf(copies)
  return state === 'good' ? t('system.copiesOf', { count: copies.length }) : t(`state.${state}`)
}

const stateOf = (copies: readonly ServiceHealth[]): 'good' | 'warn' | 'bad' =>
  copies.every(({ ready }) => !ready)
    ? 'bad'
    : copies.some(
          ({ ready, warnings, dependencies }) =>
            !ready || warnings.length > 0 || dependencies.some(({ state }) => state === 'down'),
        )
      ? 'warn'
      : 'good'

function Legend({ counted }: { readonly counted: boolean }): JSX.Element {
  const lines = [
    ['call', t('edge.call')],
    ['event', t('edge.event')],
    ['undeclared', t('edge.undeclared')],
    ['dead', t('edge.dead')],
  ] as const
  return (
    <div class="legend">
      {counted ? (
        lines.map(([kind, text]) => (
          <span key={kind}>
            <svg aria-hidden="true" viewBox="0 0 26 8">
              <g class={`edge ${kind}`}>
                <path d="M0 4H26" />
              </g>
            </svg>
            {text}
          </span>
        ))
      ) : (
        <span>{t('system.noTraffic')}</span>
      )}
    </div>
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
