/** The map of a system: services, and what goes between them as traffic draws it. */
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import { NODE_HEIGHT, place, type MapEdge } from '../model/map.ts'
import { compact, percent } from '../show.ts'
import { go, withQuery } from '../where.ts'
import { t } from '../words/words.ts'

type Dependency = {
  readonly name: string
  readonly kind: string
  readonly state: 'up' | 'down' | 'unknown'
  readonly since?: number
  readonly reason?: string
  readonly latency?: number
}
export type ServiceHealth = {
  readonly service: string
  readonly copy: string
  readonly state: string
  readonly live: boolean
  readonly ready: boolean
  readonly reasons: readonly string[]
  readonly warnings: readonly string[]
  readonly dependencies: readonly Dependency[]
}

/** Over so long the map counts what goes from whom to whom: milliseconds. */
export const WINDOW = 15 * 60_000

/** Of what is rare, how often it was: nobody reads anything in 0.003 a second. */
export function rate(times: number): string {
  const perSecond = times / (WINDOW / 1000)
  return times > 0 && perSecond < 0.1 ? `${compact(times)}×` : t('rate.perSecond', { rate: compact(perSecond) })
}

export function SystemMap({
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

export function edgeText({ from, to, by, times, failed, kind }: MapEdge): string {
  const counted = t(by === 'call' ? 'edge.calls' : 'edge.events', { from, to, times, failed })
  return kind === 'usual' ? counted : `${counted} · ${t(`edge.${kind}`)}`
}

/** Under its name. */
function nodeText(copies: readonly ServiceHealth[] | undefined): string {
  if (copies === undefined) return t('system.outside')
  const state = stateOf(copies)
  return state === 'good' ? t('system.copiesOf', { count: copies.length }) : t(`state.${state}`)
}

export const stateOf = (copies: readonly ServiceHealth[]): 'good' | 'warn' | 'bad' =>
  copies.every(({ ready }) => !ready)
    ? 'bad'
    : copies.some(
          ({ ready, warnings, dependencies }) =>
            !ready || warnings.length > 0 || dependencies.some(({ state }) => state === 'down'),
        )
      ? 'warn'
      : 'good'

export function Legend({ counted }: { readonly counted: boolean }): JSX.Element {
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
