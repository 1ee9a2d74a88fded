/** The explorer: every operation of the system, a form to call it, and the same call as others write it. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ask, follow, may, type Schema } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { commandLine, curl, typeScript, type Callable } from '../../src/snippets.ts'
import { note } from '../parts/dialog.tsx'
import { Form } from '../parts/form.tsx'
import { Detail, Page, Search, Split } from '../parts/page.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { Table } from '../parts/table.tsx'
import { Copy, Facts, Json, Swatch } from '../parts/value.tsx'
import { duration, hue } from '../show.ts'
import { go, path, query, to } from '../where.ts'
import { t, tell } from '../words/words.ts'

type Operation = {
  readonly name: string
  readonly kind: string
  readonly description?: string
  readonly input?: Schema
  readonly output?: Schema
  readonly errors: readonly { readonly code: string }[]
  readonly routes: readonly string[]
  readonly access: 'public' | 'authenticated'
  readonly scope?: string
  readonly deadline: number
  readonly deprecated: boolean
}
type Contract = {
  readonly name: string
  readonly version: string
  readonly owner: string
  readonly operations: readonly Operation[]
}
type Row = Operation & { readonly contract: Contract }
type Ended =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false
      readonly error: {
        readonly code: string
        readonly message: string
        readonly data?: unknown
        readonly issues?: readonly { readonly path: readonly (string | number)[]; readonly message: string }[]
      }
    }

export function Explorer(): JSX.Element {
  const answer = useAnswer<readonly Contract[]>('explorer', 'contracts', {})
  const words = (query.value.get('q') ?? '').toLowerCase()
  const [, service, operation] = path.value
  const rows = (answer.value ?? []).flatMap((contract) => contract.operations.map((one): Row => ({ ...one, contract })))
  const open = rows.find(({ name, contract }) => contract.name === service && name === operation)
  return (
    <Page title={t('page.explorer')} about={t('explorer.about')} tools={<Search label={t('filter.operation')} />}>
      <Split
        list={
          <Shown answer={answer}>
            {() => (
              <Operations rows={rows.filter((row) => nameOf(row).toLowerCase().includes(words))} open={open && nameOf(open)} />
            )}
          </Shown>
        }
        detail={open && <One key={nameOf(open)} row={open} />}
      />
    </Page>
  )
}

/** The scope that a caller needs, or who may call. */
const accessOf = ({ access, scope }: Row): string => scope ?? tell('access', access)

const nameOf = ({ contract, name }: Row): string => `${contract.name}.${name}`

function Operations({ rows, open }: { readonly rows: readonly Row[]; readonly open: string | undefined }): JSX.Element {
  if (rows.length === 0) return <Empty title={t('explorer.none')} />
  return (
    <Table
      label={t('page.explorer')}
      rows={rows}
      id={nameOf}
      open={open}
      onOpen={({ contract, name }) => go(to('explorer', contract.name, name) + location.search)}
      columns={[
        {
          id: 'name',
          title: t('filter.operation'),
          by: nameOf,
          cell: ({ contract, name, deprecated }) => (
            <span class="named">
              <Swatch hue={hue(contract.name)} />
              <span class="cut">
                <span class="quiet">{contract.name}</span> <b>{name}</b>
              </span>
              {deprecated && <span class="tag warn">{t('explorer.deprecated')}</span>}
            </span>
          ),
        },
        { id: 'kind', title: t('explorer.kind'), by: ({ kind }) => kind, cell: ({ kind }) => tell('operation', kind) },
        { id: 'route', title: t('explorer.route'), wide: true, cell: ({ routes }) => <code>{routes[0] ?? '–'}</code> },
        { id: 'access', title: t('explorer.access'), wide: true, cell: accessOf },
        { id: 'about', title: t('explorer.description'), wide: true, cell: ({ description = '' }) => description },
      ]}
    />
  )
}

/** Values of a stream that are kept. */
const MOST_VALUES = 100

function One({ row }: { readonly row: Row }): JSX.Element {
  const [input, setInput] = useState<unknown>(row.input === undefined ? undefined : {})
  const call: Callable = {
    service: row.contract.name,
    operation: row.name,
    kind: row.kind,
    routes: row.routes,
    access: row.access,
  }
  return (
    <Detail
      title={nameOf(row)}
      about={`${tell('operation', row.kind)} · ${row.contract.name} ${row.contract.version}`}
      close={() => go(`/explorer${location.search}`)}
    >
      <section>
        {row.description !== undefined && <p>{row.description}</p>}
        <Facts
          facts={[
            [t('explorer.route'), row.routes.join(', ')],
            [t('explorer.access'), accessOf(row)],
            [t('explorer.errors'), row.errors.map(({ code }) => code).join(', ')],
            [t('explorer.deadline'), duration(row.deadline)],
          ]}
        />
      </section>
      <section>
        {row.input !== undefined && <Form schema={row.input} value={input} change={setInput} />}
        {row.kind !== 'channel' && may('explorer', row.kind === 'stream' ? 'stream' : 'call') && <Call row={row} input={input} />}
      </section>
      <section>
        <h3>{t('explorer.same')}</h3>
        {[
          ['curl', curl(call, input)],
          ['TypeScript', typeScript(call, input)],
          ['dure', commandLine(call, input)],
        ].map(
          ([label, text]) =>
            text !== undefined && (
              <div key={label} class="snippet">
                <span class="quiet">{label}</span>
                <Copy text={text} label={`${t('act.copy')} · ${label}`} />
                <pre class="wrap" tabIndex={0}>
                  {text}
                </pre>
              </div>
            ),
        )}
      </section>
    </Detail>
  )
}

/** Calls it, and shows what it came to; a failure of the operation is an answer as well. */
function Call({ row, input }: { readonly row: Row; readonly input: unknown }): JSX.Element {
  const [ended, setEnded] = useState<Ended>()
  const [stream, setStream] = useState<{ readonly close: () => void }>()
  const [busy, setBusy] = useState(false)
  const what = { service: row.contract.name, operation: row.name, input }
  const call = async (): Promise<void> => {
    setBusy(true)
    try {
      setEnded(await ask<Ended>('explorer', 'call', what))
    } catch (error) {
      note(error instanceof Error ? error.message : String(error), { bad: true })
    }
    setBusy(false)
  }
  const watch = (): void => {
    const values: unknown[] = []
    const followed = follow<unknown>('explorer', 'stream', what, {
      value: (value) => {
        values.push(value)
        if (values.length > MOST_VALUES) values.shift()
        setEnded({ ok: true, value: [...values] })
      },
      broken: () => setStream(undefined),
    })
    setStream(followed)
  }
  const stop = (): void => {
    stream?.close()
    setStream(undefined)
  }
  return (
    <>
      <p class="gap">
        {row.kind === 'stream' ? (
          <button type="button" class="button main" onClick={stream === undefined ? watch : stop}>
            {stream === undefined ? t('explorer.watch') : t('explorer.stop')}
          </button>
        ) : (
          <button type="button" class="button main" disabled={busy} onClick={() => void call()}>
            {t('explorer.call')}
          </button>
        )}
      </p>
      <div role="status" class="outcome">
        {ended?.ok === true && <Json value={ended.value ?? null} />}
        {ended?.ok === false && (
          <>
            <p class="bad wrap">
              <b>{ended.error.code}</b> {ended.error.message}
            </p>
            {(ended.error.issues ?? []).map((issue) => (
              <p key={issue.path.join('.')} class="bad wrap">
                {issue.path.join('.')}: {issue.message}
              </p>
            ))}
            {ended.error.data !== undefined && ended.error.data !== null && <Json value={ended.error.data} />}
          </>
        )}
      </div>
    </>
  )
}
