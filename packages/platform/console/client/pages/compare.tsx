/** Two traces side by side: what one did and the other did not, what took longer. */
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { compare } from '../model/compare.ts'
import type { Columns } from '../model/columns.ts'
import { Figure, Page } from '../parts/page.tsx'
import { Failed, Loading } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Swatch } from '../parts/value.tsx'
import { duration, hue, number, short } from '../show.ts'
import { openTrace } from '../trace/trace.ts'
import { to } from '../where.ts'
import { t } from '../words/words.ts'

export function Compare({ ids }: { readonly ids: readonly [string, string] }): JSX.Element {
  const [a, b] = useMemo(() => [openTrace(ids[0]), openTrace(ids[1])] as const, ids as [string, string])
  useEffect(
    () => () => {
      a.close()
      b.close()
    },
    [a, b],
  )
  const failed = a.failed.value ?? b.failed.value
  if (failed !== undefined) return <Failed error={new Error(failed)} />
  const [x, y] = [a.columns.value, b.columns.value]
  if (x === undefined || y === undefined) return <Loading />
  return <Both a={x} b={y} ids={ids} />
}

function Both({ a, b, ids }: { readonly a: Columns; readonly b: Columns; readonly ids: readonly [string, string] }): JSX.Element {
  const rows = useMemo(() => compare(a, b), [a, b])
  const both = (from: number, until: number, say: (value: number) => string): JSX.Element => (
    <span class={from === until ? 'quiet' : ''}>
      {say(from)} → {say(until)}
    </span>
  )
  const change = (from: number, until: number): JSX.Element => (
    <span class={until > from * 1.2 + 0.5 ? 'bad' : until < from * 0.8 - 0.5 ? 'good' : 'quiet'}>
      {until >= from ? '+' : '−'}
      {duration(Math.abs(until - from))}
    </span>
  )
  return (
    <Page
      title={t('compare.title')}
      about={
        <>
          <a href={to('traces', ids[0])}>{short(ids[0])}</a> → <a href={to('traces', ids[1])}>{short(ids[1])}</a>
        </>
      }
    >
      <div class="figures">
        <Figure value={both(a.total, b.total, duration)} label={t('traces.duration')} />
        <Figure value={both(a.count, b.count, number)} label={t('traces.spans')} />
        <Figure value={both(a.services.length, b.services.length, number)} label={t('traces.services')} />
      </div>
      <div class="body flush list" tabIndex={-1}>
        <Table
          label={t('compare.title')}
          rows={rows}
          id={({ service, name }) => `${service} ${name}`}
          columns={[
            {
              id: 'name',
              title: t('filter.operation'),
              by: ({ service, name }) => `${service} ${name}`,
              cell: ({ service, name, count }) => (
                <span class="named">
                  <Swatch hue={hue(service)} />
                  <span class="cut">
                    <span class="quiet">{service}</span> {name}
                  </span>
                  {count[0] === 0 && <span class="tag accent">{t('compare.new')}</span>}
                  {count[1] === 0 && <span class="tag">{t('compare.gone')}</span>}
                </span>
              ),
            },
            {
              id: 'count',
              title: t('compare.count'),
              number: true,
              by: ({ count }) => count[1] - count[0],
              cell: ({ count }) => both(count[0], count[1], number),
            },
            {
              id: 'own',
              title: t('compare.own'),
              number: true,
              wide: true,
              by: ({ own }) => own[1],
              cell: ({ own }) => both(own[0], own[1], duration),
            },
            {
              id: 'change',
              title: t('compare.change'),
              number: true,
              by: ({ own }) => own[1] - own[0],
              cell: ({ own }) => change(own[0], own[1]),
            },
            {
              id: 'failed',
              title: t('traces.failed'),
              number: true,
              by: ({ failed }) => failed[1] - failed[0],
              cell: ({ failed }) => <span class={failed[1] > failed[0] ? 'bad' : ''}>{both(failed[0], failed[1], number)}</span>,
            },
          ]}
        />
      </div>
    </Page>
  )
}
