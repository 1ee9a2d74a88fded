/** Sagas: which run, wait or have paused, the steps of one as a line, and what an operator decides about it. */
import type { JSX } from 'preact'
import { may } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { Choices, Detail, Page, Search, Split } from '../parts/page.tsx'
import { Empty, Shown, Unheard } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Facts, Json } from '../parts/value.tsx'
import { ago, duration, number, time } from '../show.ts'
import { go, path, query, to } from '../where.ts'
import { t, tell } from '../words/words.ts'
import { decideSaga, type Decision } from './saga-acts.tsx'

type Instance = {
  readonly service: string
  readonly saga: string
  readonly id: string
  readonly version: number
  readonly state: 'running' | 'compensating' | 'paused' | 'completed' | 'compensated'
  readonly began: number
  readonly ended: number | null
  readonly waits?: { readonly kind: string; readonly name: string } | null
  readonly due?: number | null
  readonly reason: string | null
  readonly failure?: unknown
  readonly correlationId: string
}
type Step = {
  readonly position: number
  readonly kind: string
  readonly name: string
  readonly state: string
  readonly undo: boolean
  readonly tries: number
  readonly began: number
  readonly ended: number | null
  readonly result: unknown
  readonly error: string | null
}
type History = Instance & {
  readonly input: unknown
  readonly output: unknown
  readonly steps: readonly Step[]
  readonly decisions: readonly { readonly at: number; readonly action: string; readonly by: string; readonly why: string }[]
}
type List = { readonly instances: readonly Instance[]; readonly silent: readonly { readonly service: string }[] }

const STATES = ['paused', 'running', 'compensating', 'completed', 'compensated'] as const
const STATE_CLASS: Readonly<Record<string, string>> = {
  ...{ paused: 'bad', compensating: 'warn', running: 'accent', completed: 'good', compensated: '' },
  ...{ done: 'good', skipped: 'good', begun: 'accent', waiting: 'warn', refused: 'bad', undoing: 'warn', undone: '' },
}
const tag = (state: string): JSX.Element => <span class={`tag ${STATE_CLASS[state] ?? ''}`}>{tell('sagaState', state)}</span>

/** What it does next, or why it does nothing. */
function why({ reason, waits, due, ended }: Instance): string {
  if (reason !== null) return reason
  if (ended !== null) return t('sagas.ended', { ago: ago(ended) })
  const wait = waits && waits.kind !== 'sleep' ? t('sagas.waits', { what: waits.name }) : ''
  return [wait, due ? t('sagas.due', { when: ago(due) }) : ''].filter((text) => text !== '').join(', ')
}

export function Sagas(): JSX.Element {
  const [words, state] = [query.value.get('q') ?? '', query.value.get('state') ?? 'all']
  const input = { limit: 200, ...(words !== '' && { id: words }), ...(state !== 'all' && { state }) }
  const answer = useAnswer<List>('sagas', 'list', input, 3_000)
  const [, saga, id] = path.value
  return (
    <Page
      title={t('page.sagas')}
      about={t('sagas.about')}
      tools={
        <>
          <Search label={t('sagas.search')} />
          <Choices
            name="state"
            label={t('sagas.state')}
            options={[['all', t('filter.all')], ...STATES.map((one) => [one, tell('sagaState', one)] as const)]}
          />
        </>
      }
    >
      <Split
        list={
          <Shown answer={answer}>
            {({ instances, silent }) => (
              <>
                <Unheard silent={silent} />
                {instances.length === 0 ? (
                  <Empty title={t('sagas.none')}>
                    <p>{t('sagas.noneHint')}</p>
                  </Empty>
                ) : (
                  <Instances instances={instances} open={saga && id && `${saga} ${id}`} />
                )}
              </>
            )}
          </Shown>
        }
        detail={saga === undefined || id === undefined ? undefined : <One key={`${saga} ${id}`} which={{ saga, id }} />}
      />
    </Page>
  )
}

/** Those for a person to look at come first. */
const rank = ({ state }: Instance): number => STATES.indexOf(state)

const Instances = ({
  instances,
  open,
}: {
  readonly instances: readonly Instance[]
  readonly open: string | undefined
}): JSX.Element => (
  <Table
    label={t('page.sagas')}
    rows={instances.toSorted((a, b) => rank(a) - rank(b) || b.began - a.began)}
    id={({ saga, id }) => `${saga} ${id}`}
    open={open}
    onOpen={({ saga, id }) => go(to('sagas', saga, id) + location.search)}
    columns={[
      { id: 'id', title: t('sagas.id'), by: ({ id }) => id, cell: ({ id }) => <b>{id}</b> },
      {
        id: 'saga',
        title: t('sagas.saga'),
        wide: true,
        by: ({ service, saga }) => `${service} ${saga}`,
        cell: ({ service, saga }) => (
          <>
            <span class="quiet">{service}</span> {saga}
          </>
        ),
      },
      { id: 'state', title: t('sagas.state'), by: rank, cell: ({ state }) => tag(state) },
      { id: 'why', title: t('sagas.next'), cell: (one) => <span title={why(one)}>{why(one)}</span> },
      {
        id: 'began',
        title: t('sagas.began'),
        number: true,
        wide: true,
        by: ({ began }) => began,
        cell: ({ began }) => <span title={time(began)}>{ago(began)}</span>,
      },
    ]}
  />
)

function One({ which }: { readonly which: { readonly saga: string; readonly id: string } }): JSX.Element {
  const answer = useAnswer<History>('sagas', 'show', which, 3_000)
  const { value } = answer
  return (
    <Detail
      title={which.id}
      about={
        <>
          {which.saga} {value !== undefined && tag(value.state)}
        </>
      }
      acts={value !== undefined && <Acts history={value} again={answer.again} />}
      close={() => go(`/sagas${location.search}`)}
    >
      <Shown answer={answer}>
        {(history) => (
          <>
            <section>
              {history.reason !== null && <p class="bad wrap">{history.reason}</p>}
              <Facts
                facts={[
                  [t('filter.service'), history.service],
                  [t('sagas.version'), number(history.version)],
                  [t('sagas.began'), time(history.began)],
                  [t('sagas.took'), history.ended === null ? '' : duration(history.ended - history.began)],
                  [t('sagas.next'), history.reason === null ? why(history) : ''],
                  [t('page.story'), <a href={to('story', history.correlationId)}>{history.correlationId}</a>],
                ]}
              />
            </section>
            <section>
              <h3>{t('sagas.steps')}</h3>
              <Steps history={history} />
            </section>
            {history.failure !== null && history.failure !== undefined && (
              <section>
                <h3>{t('sagas.failure')}</h3>
                <Json value={history.failure} />
              </section>
            )}
            <section>
              <h3>{t('sagas.input')}</h3>
              <Json value={history.input} />
              {history.output !== null && <Json value={history.output} />}
            </section>
            {history.decisions.length > 0 && (
              <section>
                <h3>{t('sagas.decisions')}</h3>
                <ul>
                  {history.decisions.map((one) => (
                    <li key={`${one.at} ${one.action}`} class="wrap">
                      {time(one.at)} · {tell('action', one.action)} · {one.by}: {one.why}
                    </li>
                  ))}
                </ul>
              </section>
            )}
          </>
        )}
      </Shown>
    </Detail>
  )
}

/** The steps in their order, from above: each with what became of it, and of its compensation. */
const Steps = ({ history: { steps, began } }: { readonly history: History }): JSX.Element => (
  <ol class="story saga">
    {steps.map((step) => (
      <li key={step.position} class={`${step.state} ${STATE_CLASS[step.state] ?? ''}`}>
        <span class="when" title={time(step.began)}>
          +{duration(step.began - began)}
        </span>
        <span class="spot" aria-hidden="true" />
        <details>
          <summary>
            <b>{step.name}</b> {tag(step.state)} <span class="quiet">{tell('sagaStep', step.kind)}</span>
            {step.undo && <span class="quiet"> · {t('sagas.undo')}</span>}
            {step.tries > 1 && <span class="quiet"> · {t('story.attempts', { count: number(step.tries) })}</span>}
            {step.ended !== null && step.ended > step.began && <span class="quiet"> · {duration(step.ended - step.began)}</span>}
            {step.error !== null && <p class="bad wrap">{errorText(step.error)}</p>}
          </summary>
          <Json value={step.result} />
        </details>
      </li>
    ))}
  </ol>
)

/** What was thrown, which a service keeps as JSON where the error was declared. */
function errorText(error: string): string {
  try {
    const { code, message } = JSON.parse(error) as { readonly code?: string; readonly message?: string }
    return [code, message].filter((part) => part !== undefined).join(': ') || error
  } catch {
    return error
  }
}

/** Which decisions fit the state it is in. */
const FITTING: Readonly<Record<Instance['state'], readonly Decision[]>> = {
  paused: ['resume', 'skip', 'compensate'],
  running: ['skip', 'compensate'],
  ...{ compensating: [], completed: [], compensated: [] },
}

function Acts({ history, again }: { readonly history: History; readonly again: () => void }): JSX.Element {
  const { saga, id, state, waits } = history
  const fitting = FITTING[state].filter((what) => may('sagas', what) && (what !== 'skip' || state === 'paused' || waits))
  return (
    <div class="gap">
      {fitting.map((what) => (
        <button key={what} type="button" class="button" onClick={() => decideSaga(what, { saga, id }, again)}>
          {tell('saga', what)}
        </button>
      ))}
    </div>
  )
}
