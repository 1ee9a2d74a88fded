/** Who did what; and the log proved in this browser, whatever its server says. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ask } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { logCheck, type RawLog, type Outcome } from '../model/merkle.ts'
import { Detail, Page, Search, Select, Split } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Facts, Json } from '../parts/value.tsx'
import { ago, line, moment, number, time } from '../show.ts'
import { query } from '../where.ts'
import { t } from '../words/words.ts'

type Entry = {
  readonly seq: number
  readonly at: string
  readonly action: string
  readonly actor: string
  readonly subject: string
  readonly about?: Readonly<Record<string, unknown>>
  readonly personal: Readonly<Record<string, string | undefined>>
}
type Logs = { readonly logs: readonly { readonly service: string; readonly name: string; readonly size: number }[] }

const PAGE = 1_000

export function Audit(): JSX.Element {
  const logs = useAnswer<Logs>('audit', 'logs', {}, 5_000)
  return (
    <Shown answer={logs}>
      {({ logs: all }) =>
        all.length === 0 ? (
          <Page title={t('page.audit')} about={t('audit.about')}>
            <Empty title={t('audit.none')}>
              <p>{t('audit.noneHint')}</p>
            </Empty>
          </Page>
        ) : (
          <Log logs={all} />
        )
      }
    </Shown>
  )
}

function Log({ logs }: { readonly logs: Logs['logs'] }): JSX.Element {
  const log = logs.find(({ name }) => name === query.value.get('log')) ?? logs[0]!
  const after = Math.max(-1, log.size - PAGE - 1)
  const answer = useAnswer<readonly Entry[]>('audit', 'list', { log: log.name, after, limit: PAGE }, 5_000)
  const [open, setOpen] = useState<number>()
  const [outcome, setOutcome] = useState<Outcome | 'checking' | Error>()
  const words = (query.value.get('q') ?? '').toLowerCase()
  const check = async (): Promise<void> => {
    setOutcome('checking')
    try {
      setOutcome(await checked(log.name))
    } catch (error) {
      setOutcome(error as Error)
    }
  }
  return (
    <Page
      title={t('page.audit')}
      about={t('audit.about')}
      acts={
        <button type="button" class="button main" disabled={outcome === 'checking'} onClick={() => void check()}>
          {outcome === 'checking' ? t('audit.checking') : t('audit.check')}
        </button>
      }
      tools={
        <>
          <Search label={t('audit.search')} />
          {logs.length > 1 && (
            <Select name="log" label={t('page.audit')} all={logs[0]!.name} options={logs.slice(1).map(({ name }) => name)} />
          )}
        </>
      }
    >
      <OutcomeLine outcome={outcome} />
      <Shown answer={answer}>
        {(entries) => {
          const found = entries.filter((entry) => JSON.stringify(entry).toLowerCase().includes(words)).toReversed()
          const shown = found.find(({ seq }) => seq === open)
          const bad = typeof outcome === 'object' && 'ok' in outcome && !outcome.ok ? outcome.fault.seq : undefined
          return (
            <Split
              list={
                found.length === 0 ? (
                  <Empty title={t('audit.none')} />
                ) : (
                  <Table
                    label={t('page.audit')}
                    rows={found}
                    id={({ seq }) => String(seq)}
                    open={open === undefined ? undefined : String(open)}
                    onOpen={({ seq }) => setOpen(seq)}
                    columns={[
                      {
                        id: 'seq',
                        title: '#',
                        number: true,
                        by: ({ seq }) => seq,
                        cell: ({ seq }) => (
                          <span class={seq === bad ? 'bad' : 'quiet'}>
                            {number(seq)}
                            {seq === bad ? ' ✕' : ''}
                          </span>
                        ),
                      },
                      {
                        id: 'at',
                        title: t('audit.at'),
                        by: ({ at }) => at,
                        cell: ({ at }) => <span title={time(moment(at) ?? 0)}>{ago(moment(at) ?? 0)}</span>,
                      },
                      { id: 'actor', title: t('audit.actor'), by: ({ actor }) => actor, cell: ({ actor }) => actor },
                      { id: 'action', title: t('audit.action'), by: ({ action }) => action, cell: ({ action }) => action },
                      { id: 'subject', title: t('audit.subject'), by: ({ subject }) => subject, cell: ({ subject }) => subject },
                      {
                        id: 'why',
                        title: t('audit.why'),
                        wide: true,
                        cell: ({ personal, about }) => line(personal['reason'] ?? about?.['reason'] ?? ''),
                      },
                    ]}
                  />
                )
              }
              detail={
                shown && (
                  <Detail
                    title={shown.action}
                    about={`${shown.actor} · ${time(moment(shown.at) ?? 0)}`}
                    close={() => setOpen(undefined)}
                  >
                    <section>
                      <Facts
                        facts={[
                          ['#', number(shown.seq)],
                          [t('audit.actor'), shown.actor],
                          [t('audit.subject'), shown.subject],
                          ...Object.entries(shown.personal).map(([name, value]): readonly [string, string] => [
                            name,
                            value ?? t('audit.erased'),
                          ]),
                        ]}
                      />
                    </section>
                    {shown.about !== undefined && (
                      <section>
                        <Json value={shown.about} />
                      </section>
                    )}
                  </Detail>
                )
              }
            />
          )
        }}
      </Shown>
    </Page>
  )
}

function OutcomeLine({ outcome }: { readonly outcome: Outcome | 'checking' | Error | undefined }): JSX.Element | null {
  if (outcome === undefined || outcome === 'checking') return null
  if (outcome instanceof Error)
    return (
      <div class="banner" role="alert">
        {outcome.message}
      </div>
    )
  return outcome.ok ? (
    <div class="banner good" role="status">
      {t('audit.checked', { count: number(outcome.size) })}
    </div>
  ) : (
    <div class="banner bad" role="alert">
      {t('audit.bad', { line: number(outcome.fault.seq) })} {t(`audit.fault.${outcome.fault.what}`)}
    </div>
  )
}

/** Reads the whole log, page by page, and works out every hash and signature of it. */
async function checked(log: string): Promise<Outcome> {
  let check: ReturnType<typeof logCheck> | undefined
  for (;;) {
    const page = await ask<RawLog>('audit', 'raw', { log, after: (check?.size() ?? 0) - 1, limit: PAGE })
    check ??= logCheck(page.verifier)
    const fault = await check.add(page)
    if (fault !== undefined) return { ok: false, fault }
    if (page.lines.length < PAGE) {
      if (check.size() < page.size) return { ok: false, fault: { seq: check.size(), what: 'removed' } }
      return { ok: true, size: check.size() }
    }
  }
}
