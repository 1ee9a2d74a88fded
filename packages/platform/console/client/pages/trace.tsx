/** One trace as a waterfall, and one span of it in full. */
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { has } from '../api.ts'
import type { SpanReading } from '../model/columns.ts'
import { Detail, Page, Search } from '../parts/page.tsx'
import { Empty, Failed, Loading } from '../parts/state.tsx'
import { Attributes, Copy, Facts, Swatch } from '../parts/value.tsx'
import { duration, hue, number, short, time } from '../show.ts'
import { openTrace, type OpenTrace } from '../trace/trace.ts'
import { Waterfall } from '../trace/waterfall.tsx'
import { go, query, to, withQuery } from '../where.ts'
import { t, tell } from '../words/words.ts'

export function One({ id }: { readonly id: string }): JSX.Element {
  const trace = useMemo(() => openTrace(id), [id])
  useEffect(() => trace.close, [trace])
  const columns = trace.columns.value
  const chosen = useSignal(-1)
  const folded = useSignal<ReadonlySet<number>>(new Set())
  const wanted = query.value.get('span')
  const words = query.value.get('q') ?? ''
  useEffect(() => {
    if (columns !== undefined) trace.search(words)
  }, [columns, words])
  useEffect(() => {
    const row = wanted === null ? -1 : (columns?.ids.indexOf(wanted) ?? -1)
    if (row === -1) return
    chosen.value = row
    trace.show(row)
  }, [columns, wanted])
  if (trace.failed.value !== undefined)
    return (
      <Page title={t('traces.one')}>
        <Failed error={new Error(trace.failed.value)} />
      </Page>
    )
  if (columns === undefined) return <Loading />
  if (columns.count === 0)
    return (
      <Page title={t('traces.one')} about={<code>{id}</code>}>
        <Empty title={t('traces.gone')}>
          <p>{t('traces.goneHint')}</p>
        </Empty>
      </Page>
    )
  const found = trace.matches.value
  const failures = columns.failed.reduce((sum, one) => sum + one, 0)
  return (
    <Page
      title={
        <>
          <span class="quiet">{columns.services[columns.service[0]!]}</span> {columns.names[columns.name[0]!]}
        </>
      }
      about={
        <>
          {time(columns.began)} · {duration(columns.total)} ·{' '}
          {t('traces.spansOf', { spans: number(columns.count), services: columns.services.length })}
          {failures > 0 && <span class="bad"> · {t('traces.failures', { count: number(failures) })}</span>}
        </>
      }
      acts={
        <>
          <code class="quiet">{short(trace.traceId.value ?? id)}</code>
          <Copy text={trace.traceId.value ?? id} label={t('act.copy')} />
          {has('logs') && (
            <a class="button" href={`/logs?trace=${trace.traceId.value ?? id}`}>
              {t('page.logs')}
            </a>
          )}
          {has('story') && (
            <a class="button" href={to('story', trace.traceId.value ?? id)}>
              {t('page.story')}
            </a>
          )}
        </>
      }
      tools={
        <>
          <Search label={t('traces.search')} />
          {found !== undefined && (
            <span class="quiet">{t('traces.found', { count: number(found.reduce((sum, one) => sum + one, 0)) })}</span>
          )}
          <button
            type="button"
            class="button"
            onClick={() => (folded.value = folded.value.size > 0 ? new Set() : allBelow(columns.depth, columns.size))}
          >
            {folded.value.size > 0 ? t('traces.unfold') : t('traces.fold')}
          </button>
          <span class="quiet wide">{t('traces.critical')}</span>
        </>
      }
    >
      <Split2 detail={wanted !== null && <OneSpan trace={trace} />}>
        <Waterfall
          columns={columns}
          chosen={chosen}
          matches={trace.matches}
          folded={folded}
          open={(row) => go(withQuery({ span: columns.ids[row] }), { replace: true })}
        />
      </Split2>
    </Page>
  )
}

/** Closes everything below the first spans. */
function allBelow(depth: Uint32Array, size: Int32Array): ReadonlySet<number> {
  const closed = new Set<number>()
  for (let row = 0; row < depth.length; row++) if (depth[row] === 1 && size[row]! > 1) closed.add(row)
  return closed
}

const Split2 = ({ children, detail }: { readonly children: JSX.Element; readonly detail: JSX.Element | false }): JSX.Element => (
  <div class={`split ${detail === false ? '' : 'open'}`}>
    {children}
    {detail}
  </div>
)

function OneSpan({ trace }: { readonly trace: OpenTrace }): JSX.Element {
  const close = (): void => go(withQuery({ span: undefined }), { replace: true })
  const open = trace.span.value
  if (open === undefined)
    return (
      <Detail title={t('traces.span')} close={close}>
        <Loading />
      </Detail>
    )
  const { span, row } = open
  const columns = trace.columns.value!
  const failed = columns.failed[row] === 1
  return (
    <Detail
      title={span.name}
      about={
        <span class="named">
          <Swatch hue={hue(span.service)} />
          {span.copy ?? span.service} · {duration(span.duration)}
        </span>
      }
      close={close}
    >
      {failed && (
        <section>
          <h3>{t('traces.failed')}</h3>
          <p class="bad wrap">{span.message ?? t('traces.noMessage')}</p>
        </section>
      )}
      <section>
        <Facts
          facts={[
            [t('traces.start'), `${time(span.start)} (+${duration(columns.start[row]!)})`],
            [t('traces.kind'), span.kind === undefined ? undefined : tell('span', span.kind)],
            [t('traces.onPath'), columns.critical[row] === 1 ? t('yes') : t('no')],
            [t('traces.spanId'), <code>{span.spanId}</code>],
          ]}
        />
      </section>
      <SpanLinks span={span} traceId={trace.traceId.value ?? ''} />
      {Object.keys(span.attributes ?? {}).length > 0 && (
        <section>
          <h3>{t('traces.attributes')}</h3>
          <Attributes of={span.attributes!} />
        </section>
      )}
      {(span.events ?? []).length > 0 && (
        <section>
          <h3>{t('traces.events')}</h3>
          {span.events!.map((event) => (
            <details key={`${event.time} ${event.name}`}>
              <summary>
                {event.name} · +{duration(event.time - columns.began)}
              </summary>
              <Attributes of={event.attributes ?? {}} />
            </details>
          ))}
        </section>
      )}
      {Object.keys(span.resource ?? {}).length > 0 && (
        <section>
          <h3>{t('traces.resource')}</h3>
          <Attributes of={span.resource!} />
        </section>
      )}
    </Detail>
  )
}

function SpanLinks({ span, traceId }: { readonly span: SpanReading; readonly traceId: string }): JSX.Element | null {
  const links = span.links ?? []
  const correlation = span.attributes?.['messaging.message.conversation_id']
  const fingerprint = span.attributes?.['dure.exception.fingerprint']
  if (links.length === 0 && !has('logs') && correlation === undefined && fingerprint === undefined) return null
  return (
    <section class="gap">
      {has('logs') && (
        <a class="button" href={`/logs?trace=${traceId}&span=${span.spanId}`}>
          {t('traces.logs')}
        </a>
      )}
      {has('story') && typeof correlation === 'string' && (
        <a class="button" href={to('story', correlation)}>
          {t('page.story')}
        </a>
      )}
      {has('exceptions') && typeof fingerprint === 'string' && (
        <a class="button" href={to('exceptions', fingerprint)}>
          {t('traces.exception')}
        </a>
      )}
      {links.map((link) => (
        <a key={link.spanId} class="button" href={`${to('traces', link.traceId)}?span=${link.spanId}`}>
          {t('traces.link', { id: short(link.traceId) })}
        </a>
      ))}
    </section>
  )
}
