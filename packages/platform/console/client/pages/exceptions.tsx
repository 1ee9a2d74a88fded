/** Exceptions: those alike in one group, with why they are, when they came first and last, and where they lead. */
import type { JSX } from 'preact'
import { has } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { Detail, Last, Page, Search, Select, since, Split } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Attributes, Facts } from '../parts/value.tsx'
import { ago, number, time } from '../show.ts'
import { go, path, query, to } from '../where.ts'
import { t } from '../words/words.ts'

type Group = {
  readonly fingerprint: string
  readonly type: string
  readonly message: string
  readonly groupedBy: string
  readonly services: readonly string[]
  readonly first: number
  readonly last: number
  readonly firstVersion: string
  readonly lastVersion: string
  readonly times: number
}
type Sample = {
  readonly time: number
  readonly service: string
  readonly version: string
  readonly type: string
  readonly message: string
  readonly stack: string
  readonly traceId?: string
  readonly spanId?: string
  readonly attributes: Readonly<Record<string, unknown>>
}

export function Exceptions(): JSX.Element {
  const [service, words] = [query.value.get('service') ?? '', query.value.get('q') ?? '']
  const input = { since: since(), limit: 200, ...(service !== '' && { service }), ...(words !== '' && { words }) }
  const answer = useAnswer<{ readonly groups: readonly Group[] }>('exceptions', 'groups', input, 5_000)
  const id = path.value[1]
  return (
    <Page
      title={t('page.exceptions')}
      about={t('exceptions.about')}
      tools={
        <>
          <Search label={t('exceptions.search')} />
          <Select
            name="service"
            label={t('filter.service')}
            all={t('filter.allServices')}
            options={[...new Set(answer.value?.groups.flatMap(({ services }) => services) ?? [])]}
          />
          <Last />
        </>
      }
    >
      <Split
        list={
          <Shown answer={answer}>
            {({ groups }) =>
              groups.length === 0 ? (
                <Empty title={t('exceptions.none')}>
                  <p>{t('exceptions.noneHint')}</p>
                </Empty>
              ) : (
                <Table
                  label={t('page.exceptions')}
                  rows={groups}
                  id={({ fingerprint }) => fingerprint}
                  open={id}
                  onOpen={({ fingerprint }) => go(to('exceptions', fingerprint) + location.search)}
                  columns={[
                    { id: 'type', title: t('exceptions.type'), by: ({ type }) => type, cell: ({ type }) => <b>{type}</b> },
                    {
                      id: 'message',
                      title: t('exceptions.message'),
                      by: ({ message }) => message,
                      cell: ({ message }) => <span title={message}>{message}</span>,
                    },
                    {
                      id: 'services',
                      title: t('exceptions.services'),
                      wide: true,
                      by: ({ services }) => services.join(),
                      cell: ({ services }) => services.join(', '),
                    },
                    {
                      id: 'times',
                      title: t('exceptions.times'),
                      number: true,
                      by: ({ times }) => times,
                      cell: ({ times }) => number(times),
                    },
                    {
                      id: 'first',
                      title: t('exceptions.first'),
                      number: true,
                      wide: true,
                      by: ({ first }) => first,
                      cell: ({ first }) => <span title={time(first)}>{ago(first)}</span>,
                    },
                    {
                      id: 'last',
                      title: t('exceptions.last'),
                      number: true,
                      by: ({ last }) => last,
                      cell: ({ last }) => <span title={time(last)}>{ago(last)}</span>,
                    },
                  ]}
                />
              )
            }
          </Shown>
        }
        detail={id === undefined ? undefined : <One key={id} id={id} />}
      />
    </Page>
  )
}

function One({ id }: { readonly id: string }): JSX.Element {
  const answer = useAnswer<{ readonly group: Group; readonly samples: readonly Sample[] }>('exceptions', 'show', {
    fingerprint: id,
  })
  const group = answer.value?.group
  return (
    <Detail
      title={answer.value?.group.type ?? t('exceptions.one')}
      about={<code>{id}</code>}
      close={() => go(`/exceptions${location.search}`)}
    >
      {group !== undefined && (
        <section>
          <p class="bad wrap">{group.message}</p>
          <Facts
            facts={[
              [t('exceptions.grouped'), group.groupedBy],
              [t('exceptions.services'), group.services.join(', ')],
              [t('exceptions.times'), number(group.times)],
              [t('exceptions.first'), time(group.first)],
              [t('exceptions.last'), time(group.last)],
              [
                t('exceptions.version'),
                [...new Set([group.firstVersion, group.lastVersion])].filter((one) => one !== '').join(' → '),
              ],
            ]}
          />
        </section>
      )}
      <Shown answer={answer}>
        {({ samples }) => (
          <section>
            <h3>{t('exceptions.samples')}</h3>
            {samples.map((one, at) => (
              <details key={at} open={at === 0}>
                <summary>
                  {time(one.time)} · {one.service} {one.version}
                </summary>
                <p class="wrap">{one.message}</p>
                <p class="gap">
                  {one.traceId !== undefined && has('traces') && (
                    <a
                      class="button small"
                      href={`${to('traces', one.traceId)}${one.spanId === undefined ? '' : `?span=${one.spanId}`}`}
                    >
                      {t('letters.trace')}
                    </a>
                  )}
                  {one.traceId !== undefined && has('logs') && (
                    <a class="button small" href={`/logs?trace=${one.traceId}`}>
                      {t('page.logs')}
                    </a>
                  )}
                </p>
                {one.stack !== '' && <pre class="wrap">{one.stack}</pre>}
                <Attributes of={one.attributes} />
              </details>
            ))}
          </section>
        )}
      </Shown>
    </Detail>
  )
}
