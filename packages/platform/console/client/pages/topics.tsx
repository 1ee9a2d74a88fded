/** Events: topics with those who read them and how far; what is in a topic; publishing one. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ask, has, may, type Schema } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { ActForm, note } from '../parts/dialog.tsx'
import { Form } from '../parts/form.tsx'
import { Detail, Page, Search, Split } from '../parts/page.tsx'
import { Empty, Shown, Unheard } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Facts } from '../parts/value.tsx'
import { ago, number, short, time } from '../show.ts'
import { go, path, query, to } from '../where.ts'
import { t } from '../words/words.ts'
import { Data, Links } from './letter.tsx'

type Group = {
  readonly group: string
  readonly lag: number
  readonly lost: number
  readonly members?: number
  readonly since?: number
  readonly partitions: readonly { readonly partition: number; readonly lag: number }[]
}
type Topic = {
  readonly topic: string
  readonly partitions?: number
  readonly events: readonly { readonly service: string; readonly event: string; readonly version: number }[]
  readonly groups: readonly Group[]
}
type Read = {
  readonly partition: number
  readonly position: string
  readonly message: {
    readonly id: string
    readonly type: string
    readonly key: string
    readonly time: number
    readonly source: string
    readonly correlationId: string
    readonly causationId?: string
    readonly traceparent?: string
    readonly data: string
    readonly headers?: Readonly<Record<string, string>>
  }
}
type Lag = {
  readonly consumers: readonly {
    readonly consumer: string
    readonly waiting: number
    readonly deadLetters: number
    readonly held: number
    readonly topic: string
  }[]
  readonly silent: readonly string[]
}

const worst = ({ groups }: Topic): number => groups.reduce((sum, { lag }) => Math.max(sum, lag), 0)

export function Topics(): JSX.Element {
  const name = path.value[1]
  return name === undefined ? <List /> : <One key={name} name={name} />
}

function List(): JSX.Element {
  const answer = useAnswer<readonly Topic[]>('topics', 'list', {}, 3_000)
  const lag = useAnswer<Lag>('topics', 'lag', {}, 3_000)
  const words = (query.value.get('q') ?? '').toLowerCase()
  const dead = (topic: string): number =>
    (lag.value?.consumers ?? []).filter((one) => one.topic === topic).reduce((sum, one) => sum + one.deadLetters, 0)
  return (
    <Page title={t('page.topics')} tools={<Search label={t('topics.search')} />}>
      <div class="body flush list" tabIndex={-1}>
        <Shown answer={answer}>
          {(all) => {
            const topics = all.filter(({ topic, events }) =>
              `${topic} ${events.map(({ event }) => event).join(' ')}`.toLowerCase().includes(words),
            )
            return topics.length === 0 ? (
              <Empty title={t('topics.none')}>
                <p>{t('topics.noneHint')}</p>
              </Empty>
            ) : (
              <>
                <Unheard silent={(lag.value?.silent ?? []).map((service) => ({ service }))} />
                <Table
                  label={t('page.topics')}
                  rows={topics}
                  id={({ topic }) => topic}
                  onOpen={({ topic }) => go(to('topics', topic))}
                  columns={[
                    { id: 'topic', title: t('letters.topic'), by: ({ topic }) => topic, cell: ({ topic }) => <b>{topic}</b> },
                    {
                      id: 'owner',
                      title: t('topics.owner'),
                      by: ({ events }) => events[0]?.service ?? '',
                      cell: ({ events }) => [...new Set(events.map(({ service }) => service))].join(', ') || '–',
                    },
                    {
                      id: 'groups',
                      title: t('topics.consumers'),
                      by: ({ groups }) => groups.length,
                      wide: true,
                      cell: ({ groups }) => groups.map(({ group }) => group).join(', ') || '–',
                    },
                    {
                      id: 'lag',
                      title: t('topics.lag'),
                      number: true,
                      by: worst,
                      cell: (topic) => {
                        const since = topic.groups.flatMap((group) => group.since ?? []).sort((a, b) => a - b)[0]
                        return (
                          <span class={worst(topic) > 0 ? 'warn' : 'quiet'}>
                            {number(worst(topic))}
                            {since !== undefined && ` · ${ago(since)}`}
                          </span>
                        )
                      },
                    },
                    {
                      id: 'dead',
                      title: t('page.letters'),
                      number: true,
                      by: ({ topic }) => dead(topic),
                      cell: ({ topic }) => <span class={dead(topic) > 0 ? 'bad' : 'quiet'}>{number(dead(topic))}</span>,
                    },
                    {
                      id: 'partitions',
                      title: t('topics.partition'),
                      number: true,
                      wide: true,
                      by: ({ partitions = 0 }) => partitions,
                      cell: ({ partitions }) => partitions ?? '–',
                    },
                  ]}
                />
              </>
            )
          }}
        </Shown>
      </div>
    </Page>
  )
}

function One({ name }: { readonly name: string }): JSX.Element {
  const topics = useAnswer<readonly Topic[]>('topics', 'list', {}, 3_000)
  const answer = useAnswer<{ readonly messages: readonly Read[]; readonly more: boolean }>(
    'topics',
    'browse',
    { topic: name, limit: 200 },
    5_000,
  )
  const [open, setOpen] = useState<string>()
  const [publishing, setPublishing] = useState(false)
  const topic = topics.value?.find((one) => one.topic === name)
  const words = (query.value.get('q') ?? '').toLowerCase()
  const idOf = ({ partition, position }: Read): string => `${partition} ${position}`
  return (
    <Page
      title={name}
      about={topic?.events.map(({ service, event, version }) => `${service}: ${event} v${version}`).join(', ')}
      acts={
        may('topics', 'publish') &&
        (topic?.events.length ?? 0) > 0 && (
          <button type="button" class="button" onClick={() => setPublishing(true)}>
            {t('act.publish')}
          </button>
        )
      }
      tools={<Search label={t('topics.find')} />}
    >
      {topic !== undefined && topic.groups.length > 0 && (
        <div class="tools gap">
          {topic.groups.map((group) => (
            <span key={group.group} class={`tag ${group.lag > 0 ? 'warn' : ''}`}>
              {group.group}: {number(group.lag)}
            </span>
          ))}
        </div>
      )}
      <Shown answer={answer}>
        {({ messages }) => {
          const found = messages
            .filter(({ message }) =>
              `${message.key} ${message.id} ${message.correlationId} ${message.data}`.toLowerCase().includes(words),
            )
            .toReversed()
          const shown = found.find((one) => idOf(one) === open)
          return (
            <Split
              list={
                found.length === 0 ? (
                  <Empty title={t('topics.noMessages')}>
                    <p>{t('topics.noMessagesHint')}</p>
                  </Empty>
                ) : (
                  <Table
                    label={t('topics.browse')}
                    rows={found}
                    id={idOf}
                    open={open}
                    onOpen={(one) => setOpen(idOf(one))}
                    columns={[
                      {
                        id: 'time',
                        title: t('topics.time'),
                        by: ({ message }) => message.time,
                        cell: ({ message }) => time(message.time),
                      },
                      {
                        id: 'key',
                        title: t('topics.key'),
                        by: ({ message }) => message.key,
                        cell: ({ message }) => <code>{short(message.key)}</code>,
                      },
                      { id: 'data', title: t('topics.data'), cell: ({ message }) => <span class="mono">{message.data}</span> },
                      {
                        id: 'partition',
                        title: t('topics.partition'),
                        number: true,
                        wide: true,
                        by: ({ partition }) => partition,
                        cell: ({ partition, position }) => `${partition} · ${position}`,
                      },
                    ]}
                  />
                )
              }
              detail={
                shown && (
                  <Detail title={shown.message.type} about={time(shown.message.time)} close={() => setOpen(undefined)}>
                    <section class="gap">
                      <Links message={shown.message} />
                    </section>
                    <section>
                      <Facts
                        facts={[
                          [t('topics.key'), <code>{shown.message.key}</code>],
                          [t('letters.message'), <code>{shown.message.id}</code>],
                          [t('letters.correlation'), <code>{shown.message.correlationId}</code>],
                          [t('letters.source'), shown.message.source],
                          [t('topics.partition'), `${shown.partition} · ${shown.position}`],
                        ]}
                      />
                    </section>
                    <section>
                      <h3>{t('topics.data')}</h3>
                      <Data text={shown.message.data} />
                    </section>
                  </Detail>
                )
              }
            />
          )
        }}
      </Shown>
      {publishing && topic !== undefined && <Publish topic={topic} close={() => setPublishing(false)} done={answer.again} />}
    </Page>
  )
}

function Publish({
  topic,
  close,
  done,
}: {
  readonly topic: Topic
  readonly close: () => void
  readonly done: () => void
}): JSX.Element {
  const [event, setEvent] = useState(topic.events[0]!.event)
  const [value, setValue] = useState<unknown>({})
  const known = useAnswer<readonly { readonly events: readonly { readonly name: string; readonly schema: Schema }[] }[]>(
    'explorer',
    'contracts',
    has('explorer') ? {} : undefined,
  )
  const schema = known.value?.flatMap(({ events }) => events).find(({ name }) => name === event)?.schema
  const publish = async (reason: string): Promise<void> => {
    await ask('topics', 'publish', { event, data: value }, { reason })
    close()
    note(t('topics.published'))
    done()
  }
  const title = t('topics.publish', { topic: topic.topic })
  return (
    <ActForm title={title} confirm={t('act.publish')} reason="needed" close={close} act={publish}>
      {topic.events.length > 1 && (
        <select
          class="field"
          aria-label={t('letters.topic')}
          value={event}
          onChange={(changed) => setEvent(changed.currentTarget.value)}
        >
          {topic.events.map((one) => (
            <option key={one.event}>{one.event}</option>
          ))}
        </select>
      )}
      <Form schema={schema ?? {}} value={value} change={setValue} />
    </ActForm>
  )
}
