/** Logs: found by words, counted over time, followed live; from a line to its span and back. */
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { ask, follow, has } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { note } from '../parts/dialog.tsx'
import { Histogram, type Counts } from '../parts/histogram.tsx'
import { Choices, Detail, Last, Page, Search, Select, since } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table, type Column } from '../parts/table.tsx'
import { Attributes, Copy, Facts } from '../parts/value.tsx'
import { live } from '../settings.ts'
import { short, time } from '../show.ts'
import { go, query, to, withQuery } from '../where.ts'
import { t, tell } from '../words/words.ts'

export type LogLine = {
  readonly id: string
  readonly time: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly service: string
  readonly body: string
  readonly traceId?: string
  readonly spanId?: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
}
type LogPage = { readonly lines: readonly LogLine[]; readonly next?: string }

const LIMIT = 300
/** Such a line has no place in the store yet, by which those around it could be asked for. */
const FOLLOWED = 'followed '
/** Lines that are held while they are followed. */
const MOST_FOLLOWED = 2_000

type Filter = Readonly<Record<string, string | number>>

function filter(): Filter {
  const wanted: Record<string, string | number> = {}
  for (const [name, field] of [
    ['q', 'words'],
    ['level', 'level'],
    ['service', 'service'],
    ['trace', 'traceId'],
  ] as const) {
    const value = query.value.get(name)
    if (value !== null && value !== 'debug') wanted[field] = value
  }
  return wanted
}

/** From when until when: drawn in the histogram, or so long back. */
function times(): Filter {
  const [from, until] = [Number(query.value.get('from')), Number(query.value.get('to'))]
  return from > 0 && until > from ? { from, to: until } : { from: since() }
}

export function Logs(): JSX.Element {
  const tailing = query.value.get('tail') === '1'
  return (
    <Page
      title={t('page.logs')}
      tools={
        <>
          <Search label={t('logs.search')} />
          <Choices
            name="level"
            label={t('logs.level')}
            options={(['debug', 'info', 'warn', 'error'] as const).map((level) => [level, t(`level.${level}`)])}
          />
          <Services />
          <Chosen />
          {query.value.get('from') === null ? (
            <Last />
          ) : (
            <button
              type="button"
              class="button small"
              title={t('filter.remove')}
              onClick={() => go(withQuery({ from: undefined, to: undefined }))}
            >
              {time(Number(query.value.get('from')))} – {time(Number(query.value.get('to')))} ✕
            </button>
          )}
          <button
            type="button"
            class="button"
            aria-pressed={tailing}
            onClick={() => go(withQuery({ tail: tailing ? undefined : '1', from: undefined, to: undefined }))}
          >
            {t('logs.tail')}
          </button>
        </>
      }
    >
      {tailing ? <Tail key={JSON.stringify(filter())} /> : <Found />}
    </Page>
  )
}

function Services(): JSX.Element {
  const answer = useAnswer<{ readonly services: readonly string[] }>('logs', 'services', {}, 30_000)
  return (
    <Select name="service" label={t('filter.service')} all={t('filter.allServices')} options={answer.value?.services ?? []} />
  )
}

function Chosen(): JSX.Element | null {
  const trace = query.value.get('trace')
  if (trace === null) return null
  return (
    <button
      type="button"
      class="button small"
      title={t('filter.remove')}
      onClick={() => go(withQuery({ trace: undefined, span: undefined }))}
    >
      {t('logs.trace')}: {short(trace)} ✕
    </button>
  )
}

function Found(): JSX.Element {
  const wanted = { ...filter(), ...times() }
  const counts = useAnswer<Counts>('logs', 'count', wanted, 10_000)
  const answer = useAnswer<LogPage>('logs', 'search', { ...wanted, limit: LIMIT }, 4_000)
  return (
    <>
      <div class="histogram">{counts.value !== undefined && <Histogram counts={counts.value} />}</div>
      <Shown answer={answer}>{(page) => <Lines key={JSON.stringify(filter())} page={page} filter={wanted} />}</Shown>
    </>
  )
}

function Lines({ page, filter: wanted }: { readonly page: LogPage; readonly filter: Filter }): JSX.Element {
  const [older, setOlder] = useState<LogPage>()
  const span = query.value.get('span')
  const all =
    older === undefined
      ? page.lines
      : [...page.lines, ...older.lines.filter(({ id }) => !page.lines.some((one) => one.id === id))]
  const lines = span === null ? all : all.filter(({ spanId }) => spanId === span)
  const next = older === undefined ? page.next : older.next
  const more = async (): Promise<void> => {
    try {
      const found = await ask<LogPage>('logs', 'search', { ...wanted, limit: LIMIT, before: next })
      setOlder({ ...found, lines: [...(older?.lines ?? []), ...found.lines] })
    } catch (error) {
      note((error as Error).message, { bad: true })
    }
  }
  if (lines.length === 0)
    return (
      <Empty title={t('logs.none')}>
        <p>{t('logs.noneHint')}</p>
      </Empty>
    )
  return (
    <LineList
      lines={lines}
      below={
        next !== undefined && (
          <p class="tools">
            <button type="button" class="button" onClick={() => void more()}>
              {t('act.more')}
            </button>
          </p>
        )
      }
    />
  )
}

function Tail(): JSX.Element {
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const running = live.value
  useEffect(() => {
    if (!running) return undefined
    let waiting: LogLine[] = []
    let count = 0
    let frame = 0
    const { close } = follow<{ readonly lines: readonly Omit<LogLine, 'id'>[] }>('logs', 'tail', filter(), {
      value: (value) => {
        waiting.push(...value.lines.map((line) => ({ ...line, id: `${FOLLOWED}${++count}` })))
        // A burst is drawn once.
        frame ||= requestAnimationFrame(() => {
          frame = 0
          const come = waiting.slice(-MOST_FOLLOWED).toReversed()
          waiting = []
          setLines((before) => [...come, ...before].slice(0, MOST_FOLLOWED))
        })
      },
    })
    return () => {
      close()
      cancelAnimationFrame(frame)
    }
  }, [running])
  if (lines.length === 0) return <Empty title={t('state.loading')} />
  return <LineList lines={lines} below={undefined} />
}

const LEVEL_CLASS = { debug: 'quiet', info: 'quiet', warn: 'warn', error: 'bad' } as const

function LineList({
  lines,
  below,
}: {
  readonly lines: readonly LogLine[]
  readonly below: JSX.Element | false | undefined
}): JSX.Element {
  const [openLine, setOpen] = useState<LogLine>()
  const [around, setAround] = useState<readonly LogLine[]>()
  const shown = around ?? lines
  const open = openLine
  const columns: readonly Column<LogLine>[] = [
    { id: 'time', title: t('logs.time'), cell: (line) => <span class="quiet">{time(line.time)}</span>, class: 'log' },
    {
      id: 'level',
      title: t('logs.level'),
      cell: ({ level }) => <span class={`level ${LEVEL_CLASS[level]}`}>{tell('level', level)}</span>,
      class: 'log wide',
    },
    { id: 'service', title: t('filter.service'), cell: ({ service }) => service, class: 'log', wide: true },
    {
      id: 'body',
      title: t('logs.text'),
      cell: ({ body, level }) => <span class={level === 'error' ? 'bad' : level === 'warn' ? 'warn' : ''}>{body}</span>,
      class: 'log text',
    },
  ]
  const look = async (id: string, sameService: boolean): Promise<void> => {
    try {
      const { lines: found } = await ask<{ readonly lines: readonly LogLine[] }>('logs', 'surrounding', {
        id,
        count: 50,
        sameService,
      })
      setAround(found)
    } catch (error) {
      note((error as Error).message, { bad: true })
    }
  }
  return (
    <>
      {around !== undefined && (
        <div class="banner">
          {t('logs.around')}
          <button type="button" class="button small" onClick={() => setAround(undefined)}>
            {t('act.close')}
          </button>
        </div>
      )}
      <div class={`split logs ${open === undefined ? '' : 'open'}`}>
        <div class="list" tabIndex={-1}>
          <Table label={t('page.logs')} rows={shown} id={({ id }) => id} open={open?.id} onOpen={setOpen} columns={columns} />
          {around === undefined && below}
        </div>
        {open !== undefined && (
          <Detail
            title={t('logs.one')}
            about={`${open.service} · ${time(open.time)}`}
            acts={<Copy text={open.body} label={t('act.copy')} />}
            close={() => setOpen(undefined)}
          >
            <section>
              <p class="mono wrap">{open.body}</p>
            </section>
            <section class="gap">
              {open.traceId !== undefined && has('traces') && (
                <a
                  class="button"
                  href={`${to('traces', open.traceId)}${open.spanId === undefined ? '' : `?span=${open.spanId}`}`}
                >
                  {t('logs.span')}
                </a>
              )}
              {!open.id.startsWith(FOLLOWED) && (
                <>
                  <button type="button" class="button" onClick={() => void look(open.id, false)}>
                    {t('logs.around')}
                  </button>
                  <button type="button" class="button" onClick={() => void look(open.id, true)}>
                    {t('logs.aroundService')}
                  </button>
                </>
              )}
            </section>
            {Object.keys(open.attributes).length > 0 && (
              <section>
                <h3>{t('traces.attributes')}</h3>
                <Attributes of={open.attributes} />
              </section>
            )}
            <section>
              <h3>{t('logs.resource')}</h3>
              <Attributes of={open.resource} />
              <Facts
                facts={[
                  [t('logs.level'), tell('level', open.level)],
                  [t('traces.id'), open.traceId === undefined ? undefined : <code>{open.traceId}</code>],
                ]}
              />
            </section>
          </Detail>
        )}
      </div>
    </>
  )
}
