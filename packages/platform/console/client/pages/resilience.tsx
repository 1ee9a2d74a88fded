/** How calls stand, live: breakers, what was refused, how long they take; the view that Hystrix' dashboard gave. */
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { follow } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { colours, prepare } from '../parts/paint.ts'
import { Choices, Page, Search } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Facts } from '../parts/value.tsx'
import { dark, live } from '../settings.ts'
import { compact, duration, percent } from '../show.ts'
import { query } from '../where.ts'
import { known, t } from '../words/words.ts'
import { leftOut, PeersTable, type Peers } from './peers.tsx'

type Ends = Readonly<Record<string, number>>
type Call = {
  readonly copy?: string
  readonly caller?: string
  readonly service: string
  readonly operation: string
  readonly breaker?: { readonly state: string; readonly failed: number; readonly refused: number; readonly opened: number }
  readonly ever: Ends
  readonly lately: Ends
  readonly underWay: number
  readonly p50?: number
  readonly p99?: number
  readonly policies: readonly string[]
}
type Report = { readonly calls: readonly Call[]; readonly peers: readonly Peers[] }

/** Over so many seconds `lately` counts. */
const LATELY = 10
/** Looks that a line shows: of one a second. */
const REMEMBERED = 60

const ANSWERED = ['callee', 'cache', 'fallback', 'stale', 'refusedByCallee']
const REFUSED = ['breaker', 'rateLimit', 'limit', 'bulkhead']
const FAILED = ['failed', 'timeout', 'fallbackFailed']
const sum = (ends: Ends, names: readonly string[]): number => names.reduce((total, name) => total + (ends[name] ?? 0), 0)

const outcomes = (
  ends: Ends,
): { readonly answered: number; readonly refused: number; readonly failed: number; readonly all: number } => {
  const [answered, refused, failed] = [sum(ends, ANSWERED), sum(ends, REFUSED), sum(ends, FAILED)]
  return { answered, refused, failed, all: answered + refused + failed }
}

const keyOf = ({ copy, caller, service, operation }: Call): string => `${copy ?? caller ?? ''} → ${service}.${operation}`

export function Resilience(): JSX.Element {
  const first = useAnswer<Report>('resilience', 'show', {}, 1_000 * 60)
  const [told, setTold] = useState<Report>()
  const history = useRef(new Map<string, number[]>())
  const running = live.value
  useEffect(() => {
    if (!running) return undefined
    return follow<Report>('resilience', 'watch', {}, { value: setTold }).close
  }, [running])
  const report = told ?? first.value
  useEffect(() => {
    for (const call of report?.calls ?? []) {
      const { all } = outcomes(call.lately)
      const line = history.current.get(keyOf(call)) ?? []
      line.push(all / LATELY)
      if (line.length > REMEMBERED) line.shift()
      history.current.set(keyOf(call), line)
    }
  }, [report])
  const words = (query.value.get('q') ?? '').toLowerCase()
  const out = leftOut(report?.peers ?? [])
  const byCalls = query.value.get('by') !== 'instances'
  return (
    <Page
      title={t('page.resilience')}
      about={t('resilience.about')}
      tools={
        <>
          <Search label={t(byCalls ? 'filter.operation' : 'filter.service')} />
          <Choices
            name="by"
            label={t('resilience.by')}
            options={[
              ['calls', t('resilience.calls')],
              ['instances', out === 0 ? t('resilience.instances') : t('resilience.instancesOut', { count: out })],
            ]}
          />
          {byCalls && (
            <Choices
              name="only"
              label={t('traces.which')}
              options={[
                ['all', t('filter.all')],
                ['trouble', t('resilience.trouble')],
              ]}
            />
          )}
        </>
      }
    >
      <Shown answer={{ ...first, value: report }}>
        {({ calls, peers }) =>
          byCalls ? <Calls calls={calls} words={words} history={history.current} /> : <PeersTable peers={peers} words={words} />
        }
      </Shown>
    </Page>
  )
}

function Calls({
  calls,
  words,
  history,
}: {
  readonly calls: readonly Call[]
  readonly words: string
  readonly history: ReadonlyMap<string, readonly number[]>
}): JSX.Element {
  const only = query.value.get('only')
  const shown = calls
    .filter((call) => keyOf(call).toLowerCase().includes(words))
    .filter((call) => only !== 'trouble' || trouble(call) > 0)
    .toSorted(
      (a, b) => trouble(b) - trouble(a) || outcomes(b.lately).all - outcomes(a.lately).all || (keyOf(a) < keyOf(b) ? -1 : 1),
    )
  if (shown.length === 0)
    return (
      <Empty title={t('resilience.none')}>
        <p>{t('resilience.noneHint')}</p>
      </Empty>
    )
  return (
    <div class="body" tabIndex={0} role="region" aria-label={t('page.resilience')}>
      <div class="cards">
        {shown.map((call) => (
          <Card key={keyOf(call)} call={call} history={history.get(keyOf(call)) ?? []} />
        ))}
      </div>
    </div>
  )
}

const trouble = (call: Call): number =>
  (call.breaker !== undefined && shownState(call.breaker.state) !== 'closed' ? 1e6 : 0) +
  outcomes(call.lately).failed +
  outcomes(call.lately).refused

/** `HALF_OPEN` as it is called here: half-open. */
const shownState = (state: string): string => state.toLowerCase().replace('_', '-')

const STATE_CLASS: Readonly<Record<string, string>> = { open: 'bad', 'half-open': 'warn', closed: 'good' }

function Card({ call, history }: { readonly call: Call; readonly history: readonly number[] }): JSX.Element {
  const { answered, refused, failed, all } = outcomes(call.lately)
  const state = call.breaker && shownState(call.breaker.state)
  return (
    <article class="card breaker" aria-label={keyOf(call)}>
      <header>
        <div class="grow">
          <div class="quiet cut">{call.copy ?? call.caller ?? t('resilience.door')} →</div>
          <h2 class="cut" title={`${call.service}.${call.operation}`}>
            {call.service}.{call.operation}
          </h2>
        </div>
        {state !== undefined && <span class={`tag ${STATE_CLASS[state] ?? ''}`}>{stateText(state)}</span>}
      </header>
      <Line values={history} />
      <div class="bars" role="img" aria-label={`${t('resilience.failed')} ${percent(all === 0 ? 0 : failed / all)}`}>
        <i style={{ flex: answered }} />
        <i class="warn" style={{ flex: refused }} />
        <i class="bad" style={{ flex: failed }} />
      </div>
      <Facts
        facts={[
          [t('resilience.rate'), t('rate.perSecond', { rate: compact(all / LATELY) })],
          [t('resilience.failed'), <span class={failed > 0 ? 'bad' : ''}>{all === 0 ? '–' : percent(failed / all)}</span>],
          [t('resilience.refused'), <span class={refused > 0 ? 'warn' : ''}>{compact(refused)}</span>],
          [t('resilience.latency'), call.p50 === undefined ? '–' : `${duration(call.p50)} / ${duration(call.p99 ?? call.p50)}`],
        ]}
      />
      {call.policies.length > 0 && (
        <p class="quiet cut" title={call.policies.join(', ')}>
          {call.policies.join(' · ')}
        </p>
      )}
    </article>
  )
}

function stateText(state: string): string {
  const word = `resilience.${state}`
  return known(word) ? t(word) : state
}

/** A small line of the last minute. */
function Line({ values }: { readonly values: readonly number[] }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const isDark = dark.value
  const last = values.length + (values.at(-1) ?? 0)
  useEffect(() => {
    const [width, height] = [canvas.current!.clientWidth || 220, 44]
    const context = prepare(canvas.current!, width, height)
    const paint = colours('accent', 'accent-ground', 'line')
    const most = Math.max(1, ...values)
    const x = (at: number): number => width - ((values.length - 1 - at) / (REMEMBERED - 1)) * width
    const y = (value: number): number => height - 2 - (value / most) * (height - 6)
    context.fillStyle = paint.line
    context.fillRect(0, height - 1, width, 1)
    if (values.length < 2) return
    context.beginPath()
    for (const [at, value] of values.entries()) context.lineTo(x(at), y(value))
    context.strokeStyle = paint.accent
    context.lineWidth = 1.5
    context.stroke()
    context.lineTo(width, height)
    context.lineTo(x(0), height)
    context.fillStyle = paint['accent-ground']
    context.globalAlpha = 0.6
    context.fill()
  }, [last, isDark])
  return <canvas ref={canvas} aria-hidden="true" />
}
