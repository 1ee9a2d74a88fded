/** Dead letters: groups of those that failed alike, each letter in full, and what can be done about them. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ask, may } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { note } from '../parts/dialog.tsx'
import { Choices, Page, Search, Split } from '../parts/page.tsx'
import { Empty, Shown, Unheard } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { ago, number, short, time } from '../show.ts'
import { go, path, query, to, withQuery } from '../where.ts'
import { t } from '../words/words.ts'
import { decide } from './letter-acts.tsx'
import { EVERY, OneLetter, type Letter } from './letter.tsx'

type Group = Omit<Letter, 'message' | 'group' | 'attempts' | 'edits'> & {
  readonly topic: string
  readonly count: number
  readonly example: string
}
type Silent = readonly { readonly service: string; readonly reason?: string }[]
type Filter = { readonly group?: string; readonly consumer?: string; readonly error?: string }

/** Letters that are listed; one more says that there are more. */
const MOST = 1_000

function filter(): Filter {
  const [group, consumer, error] = ['group', 'consumer', 'q'].map((name) => query.value.get(name) ?? undefined)
  return { ...(group && { group }), ...(consumer && { consumer }), ...(error && { error }) }
}

export function Letters(): JSX.Element {
  const byGroup = (query.value.get('by') ?? 'groups') === 'groups' && query.value.get('group') === null
  const id = path.value[1]
  return (
    <Page
      title={t('page.letters')}
      about={t('letters.about')}
      tools={
        <>
          <Search label={t('letters.search')} />
          <Choices
            name="by"
            label={t('letters.by')}
            options={[
              ['groups', t('letters.groups')],
              ['each', t('letters.each')],
            ]}
          />
          <Chosen name="consumer" />
          <Chosen name="group" />
        </>
      }
    >
      <Split
        list={byGroup ? <Groups /> : <List open={id} />}
        detail={id === undefined ? undefined : <OneLetter key={id} id={id} />}
      />
    </Page>
  )
}

/** A filter that was taken from a link; a click takes it away. */
function Chosen({ name }: { readonly name: 'consumer' | 'group' }): JSX.Element | null {
  const value = query.value.get(name)
  if (value === null) return null
  return (
    <button type="button" class="button small" title={t('filter.remove')} onClick={() => go(withQuery({ [name]: undefined }))}>
      {t(`letters.${name}`)}: {short(value)} ✕
    </button>
  )
}

const None = (): JSX.Element => (
  <Empty title={t('letters.none')}>
    <p>{t('letters.noneHint')}</p>
  </Empty>
)

function Groups(): JSX.Element {
  const answer = useAnswer<{ readonly groups: readonly Group[]; readonly silent: Silent }>('letters', 'groups', filter(), EVERY)
  return (
    <Shown answer={answer}>
      {({ groups, silent }) => (
        <>
          <Unheard silent={silent} />
          {groups.length === 0 ? (
            <None />
          ) : (
            <Table
              label={t('letters.groups')}
              rows={groups}
              id={({ id }) => id}
              onOpen={({ id }) => go(withQuery({ group: id }))}
              columns={[
                {
                  id: 'error',
                  title: t('letters.error'),
                  by: ({ error }) => error,
                  cell: ({ error }) => <span title={error}>{error}</span>,
                },
                {
                  id: 'consumer',
                  title: t('letters.consumer'),
                  by: ({ consumer }) => consumer,
                  cell: ({ consumer }) => consumer,
                },
                {
                  id: 'count',
                  title: t('letters.count'),
                  number: true,
                  by: ({ count }) => count,
                  cell: ({ count }) => <b>{number(count)}</b>,
                },
                {
                  id: 'held',
                  title: t('letters.held'),
                  number: true,
                  wide: true,
                  by: ({ held }) => held,
                  cell: ({ held }) => number(held),
                },
                {
                  id: 'last',
                  title: t('letters.last'),
                  number: true,
                  by: ({ lastFailure }) => lastFailure,
                  cell: ({ lastFailure }) => <span title={time(lastFailure)}>{ago(lastFailure)}</span>,
                },
                { id: 'acts', title: '', wide: true, cell: (group) => <GroupActs group={group} again={answer.again} /> },
              ]}
            />
          )}
        </>
      )}
    </Shown>
  )
}

/** The letters that there are when the dialog opens: one that comes later is not among them. */
async function fixed(wanted: Filter): Promise<readonly string[]> {
  const { letters } = await ask<{ readonly letters: readonly Letter[] }>('letters', 'list', { ...wanted, limit: MOST })
  return letters.map(({ id }) => id)
}

function GroupActs({ group, again }: { readonly group: Group; readonly again: () => void }): JSX.Element {
  const act = (what: 'retry' | 'discard') => async (): Promise<void> => {
    try {
      decide(what, await fixed({ group: group.id, consumer: group.consumer }), again)
    } catch (error) {
      note((error as Error).message, { bad: true })
    }
  }
  return (
    <span class="gap">
      {may('letters', 'retry') && (
        <button type="button" class="button small" onClick={() => void act('retry')()}>
          {t('act.retry')}
        </button>
      )}
      {may('letters', 'discard') && (
        <button type="button" class="button small" onClick={() => void act('discard')()}>
          {t('act.discard')}
        </button>
      )}
    </span>
  )
}

function List({ open }: { readonly open: string | undefined }): JSX.Element {
  const answer = useAnswer<{ readonly letters: readonly Letter[]; readonly silent: Silent }>(
    'letters',
    'list',
    { ...filter(), limit: MOST + 1 },
    EVERY,
  )
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  return (
    <Shown answer={answer}>
      {({ letters, silent }) => {
        const ids = letters.slice(0, MOST).map(({ id }) => id)
        const picked = ids.filter((id) => chosen.has(id))
        const act = (what: 'retry' | 'discard'): void => decide(what, picked.length > 0 ? picked : ids, answer.again)
        if (letters.length === 0) return <None />
        return (
          <>
            <Unheard silent={silent} />
            <div class="tools gap">
              <span class="quiet">
                {picked.length > 0
                  ? t('letters.picked', { count: picked.length })
                  : t('letters.shown', { count: letters.length > MOST ? `${number(MOST)}+` : number(letters.length) })}
              </span>
              {may('letters', 'retry') && (
                <button type="button" class="button" onClick={() => act('retry')}>
                  {picked.length > 0 ? t('act.retry') : t('act.retryAll')}
                </button>
              )}
              {may('letters', 'discard') && (
                <button type="button" class="button" onClick={() => act('discard')}>
                  {picked.length > 0 ? t('act.discard') : t('act.discardAll')}
                </button>
              )}
            </div>
            <Table
              label={t('page.letters')}
              rows={letters.slice(0, MOST)}
              id={({ id }) => id}
              open={open}
              onOpen={({ id }) => go(to('letters', id) + location.search)}
              columns={[
                { id: 'pick', title: '', cell: ({ id }) => <Pick id={id} chosen={chosen} change={setChosen} /> },
                {
                  id: 'topic',
                  title: t('letters.topic'),
                  by: ({ message }) => message.type,
                  cell: ({ message }) => message.type,
                },
                {
                  id: 'key',
                  title: t('letters.key'),
                  by: ({ message }) => message.key,
                  cell: ({ message }) => <span class="mono">{short(message.key)}</span>,
                },
                {
                  id: 'error',
                  title: t('letters.error'),
                  by: ({ error }) => error,
                  cell: ({ error }) => <span title={error}>{error}</span>,
                },
                {
                  id: 'consumer',
                  title: t('letters.consumer'),
                  wide: true,
                  by: ({ consumer }) => consumer,
                  cell: ({ consumer }) => consumer,
                },
                {
                  id: 'attempts',
                  title: t('letters.attempts'),
                  number: true,
                  wide: true,
                  by: ({ attempts }) => attempts,
                  cell: ({ attempts }) => number(attempts),
                },
                {
                  id: 'last',
                  title: t('letters.last'),
                  number: true,
                  by: ({ lastFailure }) => lastFailure,
                  cell: ({ lastFailure }) => <span title={time(lastFailure)}>{ago(lastFailure)}</span>,
                },
              ]}
            />
          </>
        )
      }}
    </Shown>
  )
}

function Pick({
  id,
  chosen,
  change,
}: {
  readonly id: string
  readonly chosen: ReadonlySet<string>
  readonly change: (next: ReadonlySet<string>) => void
}): JSX.Element {
  return (
    <input
      type="checkbox"
      aria-label={t('letters.pick', { id: short(id) })}
      checked={chosen.has(id)}
      onChange={(event) => {
        const next = new Set(chosen)
        if (event.currentTarget.checked) next.add(id)
        else next.delete(id)
        change(next)
      }}
    />
  )
}
