/** A page for any operator contract: what it tells, as tables, and what can be done, as forms. A part that adds a contract has one. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ask, contracts, may, type Contract, type Operation } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { ActForm, Dialog, note } from '../parts/dialog.tsx'
import { Form } from '../parts/form.tsx'
import { Page } from '../parts/page.tsx'
import { Result } from '../parts/result.tsx'
import { Empty, Shown } from '../parts/state.tsx'
import { go, query, withQuery } from '../where.ts'
import { t, type Word } from '../words/words.ts'

const EVERY = 4_000

/** Whether it can be asked without saying anything. */
const isOpen = ({ input }: Operation): boolean => (input?.required ?? []).length === 0

export function contractPage(name: string, title: Word | undefined): () => JSX.Element {
  return () => <ContractPage name={name} title={title === undefined ? name : t(title)} />
}

function ContractPage({ name, title }: { readonly name: string; readonly title: string }): JSX.Element {
  const contract = contracts.value.find((one) => one.name === name)
  if (contract === undefined) return <Empty title={t('contract.none', { name })} />
  return <Known contract={contract} title={title} />
}

function Known({ contract, title }: { readonly contract: Contract; readonly title: string }): JSX.Element {
  const queries = contract.operations.filter(({ kind }) => kind === 'query')
  const commands = contract.operations.filter((one) => one.kind === 'command' && may(contract.name, one.name))
  const chosen = queries.find(({ name }) => name === query.value.get('view')) ?? queries.find(isOpen) ?? queries[0]
  const [doing, setDoing] = useState<{ operation: Operation; given: unknown }>()
  return (
    <Page
      title={title}
      about={contract.description}
      acts={commands.map((operation) => (
        <button
          key={operation.name}
          type="button"
          class="button"
          title={operation.description}
          onClick={() => setDoing({ operation, given: {} })}
        >
          {operation.name}
        </button>
      ))}
    >
      {queries.length > 1 && (
        <div class="tabs" role="tablist" aria-label={title}>
          {queries.map((operation) => (
            <button
              key={operation.name}
              type="button"
              role="tab"
              aria-selected={operation === chosen}
              title={operation.description}
              onClick={() => go(withQuery({ view: operation.name, input: undefined }), { replace: true })}
            >
              {operation.name}
            </button>
          ))}
        </div>
      )}
      {chosen !== undefined && (
        <Asked
          key={chosen.name}
          contract={contract.name}
          operation={chosen}
          acts={(row) =>
            commands.map((operation) => (
              <button
                key={operation.name}
                type="button"
                class="button"
                onClick={() => setDoing({ operation, given: sameNamed(operation, row) })}
              >
                {operation.name}
              </button>
            ))
          }
        />
      )}
      {doing !== undefined && <Do contract={contract.name} {...doing} close={() => setDoing(undefined)} />}
    </Page>
  )
}

/** What a command asks for and a row has under the same name. */
function sameNamed({ input }: Operation, row: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.keys(input?.properties ?? {}).flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]]])),
  )
}

function Asked({
  contract,
  operation,
  acts,
}: {
  readonly contract: string
  readonly operation: Operation
  readonly acts: (row: Readonly<Record<string, unknown>>) => JSX.Element[]
}): JSX.Element {
  const asked = fromAddress()
  const [value, setValue] = useState<unknown>(asked ?? {})
  const [form, setForm] = useState(false)
  const input = asked ?? (isOpen(operation) ? {} : undefined)
  const answer = useAnswer<unknown>(contract, operation.name, input, EVERY)
  const hasFields = Object.keys(operation.input?.properties ?? {}).length > 0
  return (
    <>
      {operation.description !== undefined && (
        <p class="tools quiet">
          {operation.description}
          {hasFields && input !== undefined && (
            <button type="button" class="button small" aria-pressed={form} onClick={() => setForm(!form)}>
              {t('contract.filter')}
            </button>
          )}
        </p>
      )}
      {hasFields && (form || input === undefined) && (
        <form
          class="card contract-form"
          onSubmit={(event) => {
            event.preventDefault()
            go(withQuery({ input: JSON.stringify(value) }), { replace: true })
          }}
        >
          <Form schema={operation.input!} value={value} change={setValue} />
          <button type="submit" class="button main">
            {t('act.ask')}
          </button>
        </form>
      )}
      {input !== undefined && <Shown answer={answer}>{(found) => <Result value={found} acts={acts} />}</Shown>}
    </>
  )
}

function fromAddress(): unknown {
  const text = query.value.get('input')
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function Do({
  contract,
  operation,
  given,
  close,
}: {
  readonly contract: string
  readonly operation: Operation
  readonly given: unknown
  readonly close: () => void
}): JSX.Element {
  const [value, setValue] = useState<unknown>(given)
  const [answer, setAnswer] = useState<{ value: unknown }>()
  const title = `${contract}.${operation.name}`
  const act = async (reason: string): Promise<void> => {
    const done = await ask<unknown>(contract, operation.name, value, { reason: reason === '' ? undefined : reason })
    note(t('contract.done', { name: title }))
    if (done === undefined || done === null) close()
    else setAnswer({ value: done })
  }
  if (answer !== undefined)
    return (
      <Dialog label={title} close={close}>
        <h2>{title}</h2>
        <Result value={answer.value} />
        <div class="end">
          <button type="button" class="button" onClick={close}>
            {t('act.close')}
          </button>
        </div>
      </Dialog>
    )
  return (
    <ActForm title={title} confirm={t('act.do')} reason={operation.reason ? 'needed' : 'optional'} close={close} act={act}>
      {operation.description !== undefined && <p class="quiet">{operation.description}</p>}
      {operation.input !== undefined && <Form schema={operation.input} value={value} change={setValue} />}
    </ActForm>
  )
}
