/** An answer that no page was made for, as a table where it is a list, as facts where it is a thing. */
import type { ComponentChildren, JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ago, line, number, short, time } from '../show.ts'
import { t } from '../words/words.ts'
import { Detail, Split } from './page.tsx'
import { Empty } from './state.tsx'
import { Table, type Column } from './table.tsx'
import { Facts, Json } from './value.tsx'

type Thing = Readonly<Record<string, unknown>>

const isThing = (value: unknown): value is Thing => typeof value === 'object' && value !== null && !Array.isArray(value)
const isList = (value: unknown): value is readonly Thing[] => Array.isArray(value) && value.length > 0 && value.every(isThing)

/** Columns of a table, at most: the rest is in what opens. */
const MOST = 7

export function Result({
  value,
  acts,
}: {
  readonly value: unknown
  readonly acts?: ((row: Thing) => ComponentChildren) | undefined
}): JSX.Element {
  if (isThing(value)) {
    const lists = Object.entries(value).filter(([, one]) => Array.isArray(one))
    const [main] = lists.toSorted(([, a], [, b]) => (b as readonly unknown[]).length - (a as readonly unknown[]).length)
    // A list in an envelope is shown as the list; what is beside it stands above.
    if (lists.length > 0 && Object.keys(value).length - lists.length <= 4 && main !== undefined) {
      const beside = Object.entries(value).filter(([name, one]) => name !== main[0] && !(Array.isArray(one) && one.length === 0))
      return (
        <>
          {beside.length > 0 && (
            <div class="body-head">
              <Facts facts={beside.map(([name, one]) => [name, cell(name, one)])} />
            </div>
          )}
          <Result value={main[1]} acts={acts} />
        </>
      )
    }
    return (
      <div class="body" tabIndex={0} role="region" aria-label={t('result')}>
        <Facts
          facts={Object.entries(value).map(([name, one]) => [
            name,
            typeof one === 'object' && one !== null ? <Json value={one} /> : cell(name, one),
          ])}
        />
      </div>
    )
  }
  if (Array.isArray(value) && value.length === 0) return <Empty title={t('result.none')} />
  if (isList(value)) return <List rows={value} acts={acts} />
  return (
    <div class="body" tabIndex={0} role="region" aria-label={t('result')}>
      <Json value={value ?? null} />
    </div>
  )
}

function List({
  rows,
  acts,
}: {
  readonly rows: readonly Thing[]
  readonly acts?: ((row: Thing) => ComponentChildren) | undefined
}): JSX.Element {
  const [open, setOpen] = useState<string>()
  const idOf = (row: Thing): string => JSON.stringify(row).slice(0, 300)
  const found = rows.find((row) => idOf(row) === open)
  return (
    <Split
      list={
        <Table
          label={t('result')}
          rows={rows}
          id={idOf}
          open={open}
          onOpen={(row) => setOpen(idOf(row))}
          columns={columnsOf(rows)}
        />
      }
      detail={
        found && (
          <Detail
            title={line(found['name'] ?? found['id'] ?? found['key'] ?? t('detail.label'))}
            close={() => setOpen(undefined)}
          >
            {acts !== undefined && <section class="gap">{acts(found)}</section>}
            <section>
              <Facts
                facts={Object.entries(found).map(([name, one]) => [
                  name,
                  typeof one === 'object' && one !== null ? <Json value={one} /> : cell(name, one),
                ])}
              />
            </section>
          </Detail>
        )
      }
    />
  )
}

/** Those first that say what it is. */
const FIRST = ['name', 'service', 'id', 'copy', 'consumer', 'key', 'state', 'status']

function columnsOf(rows: readonly Thing[]): readonly Column<Thing>[] {
  const names = [...new Set(rows.slice(0, 50).flatMap((row) => Object.keys(row)))]
  const rank = (name: string): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  const simple = names.filter((name) =>
    rows
      .slice(0, 50)
      .some((row) => row[name] !== undefined && row[name] !== null && (typeof row[name] !== 'object' || isShort(row[name]))),
  )
  return simple
    .map((name, at) => ({ name, at }))
    .toSorted((a, b) => rank(a.name) - rank(b.name) || a.at - b.at)
    .slice(0, MOST)
    .map(({ name }, at) => {
      const numeric = rows
        .slice(0, 50)
        .every((row) => row[name] === undefined || row[name] === null || typeof row[name] === 'number')
      return {
        id: name,
        title: name,
        wide: at > 2,
        number: numeric && !isTime(name),
        by: (row) => (typeof row[name] === 'number' ? row[name] : line(row[name])),
        cell: (row) => cell(name, row[name]),
      }
    })
}

const isShort = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= 8 && value.every((one) => typeof one === 'string')

const isTime = (name: string): boolean =>
  /^(?:at|time|since|due|start|started|created|changed|updated|finished|began|ended|first|last|next|deadline)$|(?:At|Since|Until|Failure|Seen)$/.test(
    name,
  )

/** One value in a line: times as times, ids short, lists with commas. */
function cell(name: string, value: unknown): ComponentChildren {
  if (typeof value === 'number' && isTime(name) && value > 1e12) return <span title={time(value)}>{ago(value)}</span>
  if (typeof value === 'number') return number(value)
  if (typeof value === 'boolean') return value ? t('yes') : t('no')
  if (typeof value === 'string' && /^[\da-f-]{20,}$/i.test(value)) return <code title={value}>{short(value)}</code>
  if (isShort(value)) return (value as readonly string[]).join(', ')
  return <span title={line(value)}>{line(value)}</span>
}
