/** The story of one order, message or request: what led to what, over all services, told from their own data. */
import type { JSX } from 'preact'
import { has } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { Page } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Facts, Json, Swatch } from '../parts/value.tsx'
import { ago, duration, hue, number, time } from '../show.ts'
import { go, path, to } from '../where.ts'
import { t, tell } from '../words/words.ts'

type Call = {
  readonly service: string
  readonly operation: string
  readonly outcome: string
  readonly time: number
  readonly answer: unknown
}
type Reaction = {
  readonly consumer: string
  readonly service: string
  readonly state: string
  readonly time?: number
  readonly attempts?: number
  readonly next?: number
  readonly error?: string
  readonly letter?: string
  readonly unread?: number
  readonly decisions: readonly { readonly at: number; readonly action: string; readonly by: string; readonly reason: string }[]
  readonly calls: readonly Call[]
}
type Message = {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly key: string
  readonly time: number
  readonly causedBy?: string
  readonly by?: string
  readonly traceId?: string
  readonly data: unknown
  readonly state: string
  readonly kind: string
  readonly error?: string
  readonly reactions: readonly Reaction[]
}
type Saga = {
  readonly service: string
  readonly saga: string
  readonly id: string
  readonly state: string
  readonly began: number
  readonly reason: string | null
  readonly steps: readonly {
    readonly position: number
    readonly name: string
    readonly state: string
    readonly tries: number
    readonly error: string | null
  }[]
}
type Story = {
  readonly about: string
  readonly state: 'failed' | 'missing' | 'waiting' | 'done'
  readonly reasons: readonly string[]
  readonly correlationIds: readonly string[]
  readonly began?: number
  readonly ended?: number
  readonly messages: readonly Message[]
  readonly sagas: readonly Saga[]
  readonly choreographies: readonly {
    readonly choreography: string
    readonly missing: readonly { readonly event: string; readonly since: number; readonly late: boolean }[]
  }[]
  readonly spans: readonly { readonly traceId: string }[]
  readonly cutOff: readonly string[]
  readonly unseen: readonly string[]
}

export function StoryPage(): JSX.Element {
  const about = path.value[1]
  return about === undefined ? (
    <Page title={t('page.story')} about={t('story.about')}>
      <Empty title={t('story.id')}>
        <p>{t('story.hint')}</p>
        <AskStory about="" />
      </Empty>
    </Page>
  ) : (
    <Told key={about} about={about} />
  )
}

function AskStory({ about }: { readonly about: string }): JSX.Element {
  return (
    <form
      class="gap"
      onSubmit={(event) => {
        event.preventDefault()
        const wanted = String(new FormData(event.currentTarget).get('about') ?? '').trim()
        if (wanted !== '') go(to('story', wanted))
      }}
    >
      <input
        type="search"
        name="about"
        class="field search"
        aria-label={t('story.id')}
        placeholder={t('story.id')}
        defaultValue={about}
      />
      <button type="submit" class="button main">
        {t('story.ask')}
      </button>
    </form>
  )
}

const STATE_CLASS: Readonly<Record<string, string>> = {
  ...{
    failed: 'bad',
    dead: 'bad',
    refused: 'bad',
    missing: 'missing',
    waiting: 'warn',
    retrying: 'warn',
    held: 'warn',
    unread: 'warn',
    unsent: 'warn',
  },
  ...{ done: 'good', sent: 'good', discarded: '', unknown: '' },
}
const classOf = (state: string): string => STATE_CLASS[state] ?? ''

function Told({ about }: { readonly about: string }): JSX.Element {
  const answer = useAnswer<Story>('story', 'tell', { about }, 4_000)
  const story = answer.value
  const trace = story?.spans[0]?.traceId ?? story?.messages.find(({ traceId }) => traceId !== undefined)?.traceId
  return (
    <Page
      title={t('story.of', { id: about })}
      about={
        story?.began !== undefined && (
          <>
            {time(story.began)}
            {story.ended !== undefined && ` · ${duration(story.ended - story.began)}`} ·{' '}
            <span class={`tag ${classOf(story.state)}`}>{tell('storyState', story.state)}</span>
          </>
        )
      }
      acts={
        has('traces') &&
        trace !== undefined && (
          <a class="button" href={to('traces', trace)}>
            {t('letters.trace')}
          </a>
        )
      }
      tools={<AskStory about={about} />}
    >
      <Shown answer={answer}>
        {(told) =>
          told.messages.length === 0 && told.sagas.length === 0 ? (
            <Empty title={t('story.none', { id: about })}>
              <p>{t('story.noneHint')}</p>
              {told.unseen.map((one) => (
                <p key={one} class="warn">
                  {one}
                </p>
              ))}
            </Empty>
          ) : (
            <Whole story={told} />
          )
        }
      </Shown>
    </Page>
  )
}

function Whole({ story }: { readonly story: Story }): JSX.Element {
  const began = story.began ?? story.messages[0]?.time ?? 0
  return (
    <div class="body stack" tabIndex={0} role="region" aria-label={t('page.story')}>
      {[...story.reasons, ...story.unseen, ...story.cutOff].map((one) => (
        <p key={one} class={`card ${story.reasons.includes(one) ? 'bad' : 'warn'} wrap`}>
          {one}
        </p>
      ))}
      <ol class="story">
        {story.messages.map((message) => (
          <OneMessage key={message.id} message={message} began={began} />
        ))}
        {story.choreographies.flatMap(({ choreography, missing }) =>
          missing.map((one) => (
            <li key={`${choreography} ${one.event}`} class="missing">
              <span class="when">–</span>
              <span class="spot" aria-hidden="true" />
              <p>
                <b>{one.event}</b>{' '}
                <span class="warn">
                  {t(one.late ? 'story.late' : 'story.missing', { since: ago(one.since), name: choreography })}
                </span>
              </p>
            </li>
          )),
        )}
      </ol>
      {story.sagas.map((saga) => (
        <OneSaga key={`${saga.saga} ${saga.id}`} saga={saga} />
      ))}
    </div>
  )
}

function OneMessage({ message, began }: { readonly message: Message; readonly began: number }): JSX.Element {
  const worst = message.reactions.find(({ state }) => ['bad', 'missing', 'warn'].includes(classOf(state)))
  return (
    <li class={classOf(message.state) === 'bad' ? 'bad' : classOf(worst?.state ?? 'done')}>
      <span class="when" title={time(message.time)}>
        +{duration(message.time - began)}
      </span>
      <span class="spot" aria-hidden="true" />
      <div>
        <details>
          <summary>
            <span class="named">
              <Swatch hue={hue(message.source)} />
              <span class="quiet">{message.source}</span> <b>{message.type}</b> <code class="quiet">{message.key}</code>
              {message.state !== 'sent' && (
                <span class={`tag ${classOf(message.state)}`}>{tell('storyState', message.state)}</span>
              )}
            </span>
          </summary>
          <Facts
            facts={[
              [t('letters.message'), <code>{message.id}</code>],
              [t('story.because'), message.by],
              [t('letters.error'), message.error],
            ]}
          />
          <Json value={message.data} />
        </details>
        <ul>
          {message.reactions.map((reaction) => (
            <OneReaction key={reaction.consumer} reaction={reaction} began={began} />
          ))}
        </ul>
      </div>
    </li>
  )
}

function OneReaction({ reaction, began }: { readonly reaction: Reaction; readonly began: number }): JSX.Element {
  const { state, attempts = 0 } = reaction
  return (
    <div class="reaction" role="listitem">
      <span class="gap">
        <Swatch hue={hue(reaction.service)} />
        {reaction.consumer}
        <span class={`tag ${classOf(state) === 'missing' ? 'warn' : classOf(state)}`}>{tell('storyState', state)}</span>
        {reaction.time !== undefined && (
          <span class="quiet" title={time(reaction.time)}>
            +{duration(reaction.time - began)}
          </span>
        )}
        {attempts > 1 && <span class="quiet">{t('story.attempts', { count: number(attempts) })}</span>}
        {reaction.next !== undefined && (
          <span class="quiet">{reaction.next > 0 ? t('story.next', { time: duration(reaction.next) }) : t('story.now')}</span>
        )}
        {reaction.letter !== undefined && has('letters') && <a href={to('letters', reaction.letter)}>{t('letters.one')}</a>}
      </span>
      {reaction.error !== undefined && <Failure text={reaction.error} />}
      {reaction.decisions.map((one) => (
        <p key={one.at} class="quiet">
          {time(one.at)} · {tell('action', one.action)} · {one.by} {one.reason}
        </p>
      ))}
      {reaction.calls.map((call) => (
        <details key={`${call.service} ${call.operation} ${call.time}`}>
          <summary>
            {call.service}.{call.operation} · {tell('storyState', call.outcome)}
          </summary>
          <Json value={call.answer} />
        </details>
      ))}
    </div>
  )
}

/** What went wrong, and where only for who wants to know. */
function Failure({ text }: { readonly text: string }): JSX.Element {
  const [first = '', ...stack] = text.split('\n')
  return (
    <>
      <p class="bad wrap">{first}</p>
      {stack.length > 0 && (
        <details>
          <summary>{t('letters.stack')}</summary>
          <pre class="wrap">{stack.join('\n')}</pre>
        </details>
      )}
    </>
  )
}

function OneSaga({ saga }: { readonly saga: Saga }): JSX.Element {
  return (
    <section class="card">
      <h2>
        {saga.service} · {saga.saga} · {saga.id} <span class="tag">{tell('storyState', saga.state)}</span>
      </h2>
      {saga.reason !== null && <p class="bad wrap">{saga.reason}</p>}
      <ol class="steps">
        {saga.steps.map((step) => (
          <li key={step.position} class={step.error === null ? '' : 'bad'}>
            {step.name} · {tell('storyState', step.state)}
            {step.tries > 1 && ` · ${t('story.attempts', { count: number(step.tries) })}`}
            {step.error !== null && ` · ${step.error}`}
          </li>
        ))}
      </ol>
    </section>
  )
}
