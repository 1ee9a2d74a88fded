/** One dead letter in full, and its edit. */
import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { ask, has, may } from '../api.ts'
import { useAnswer } from '../asking.ts'
import { pretty } from '../model/difference.ts'
import { ActForm, note } from '../parts/dialog.tsx'
import { Diff } from '../parts/diff.tsx'
import { Detail } from '../parts/page.tsx'
import { Shown } from '../parts/state.tsx'
import { Attributes, Copy, Facts, Json } from '../parts/value.tsx'
import { number, time } from '../show.ts'
import { go, to } from '../where.ts'
import { t, tell } from '../words/words.ts'
import { decide } from './letter-acts.tsx'

type Head = {
  readonly id: string
  readonly type: string
  readonly source: string
  readonly key: string
  readonly time: number
  readonly correlationId: string
  readonly causationId?: string
  readonly traceparent?: string
  readonly topic?: string
  readonly headers?: Readonly<Record<string, string>>
}
export type Letter = {
  readonly id: string
  readonly kind: string
  readonly consumer: string
  readonly group: string
  readonly error: string
  readonly attempts: number
  readonly firstFailure: number
  readonly lastFailure: number
  readonly held: number
  readonly edits: number
  readonly message: Head
}
type Change = { readonly at: number; readonly action: string; readonly by: string; readonly reason: string }
type DetailOf = Omit<Letter, 'message'> & {
  readonly message: Head & { readonly data: string }
  readonly detail: string
  readonly behind: readonly Head[]
  readonly changes: readonly Change[]
}

/** Milliseconds until it is looked at again. */
export const EVERY = 4_000

export function OneLetter({ id }: { readonly id: string }): JSX.Element {
  const answer = useAnswer<DetailOf>('letters', 'show', { id }, EVERY)
  const [editing, setEditing] = useState(false)
  const close = (): void => go(`/letters${location.search}`)
  const gone = (): void => {
    note(t('letters.decided'))
    close()
  }
  return (
    <Detail title={answer.value?.message.type ?? t('letters.one')} about={<code>{id}</code>} close={close}>
      <Shown answer={answer}>
        {(letter) => (
          <>
            <section class="gap">
              {may('letters', 'retry') && (
                <button type="button" class="button main" onClick={() => decide('retry', [letter.id], gone)}>
                  {t('act.retry')}
                </button>
              )}
              {may('letters', 'edit') && (
                <button type="button" class="button" onClick={() => setEditing(true)}>
                  {t('act.edit')}
                </button>
              )}
              {may('letters', 'discard') && (
                <button type="button" class="button" onClick={() => decide('discard', [letter.id], gone)}>
                  {t('act.discard')}
                </button>
              )}
              <Links message={letter.message} />
            </section>
            <section>
              <h3>{t('letters.error')}</h3>
              <p class="bad wrap">{letter.error}</p>
              {letter.detail !== '' && letter.detail !== letter.error && (
                <details>
                  <summary>{t('letters.stack')}</summary>
                  <pre class="wrap">{letter.detail}</pre>
                </details>
              )}
            </section>
            <section>
              <Facts
                facts={[
                  [t('letters.consumer'), letter.consumer],
                  [t('letters.kind'), tell('kind', letter.kind)],
                  [t('letters.attempts'), number(letter.attempts)],
                  [t('letters.first'), time(letter.firstFailure)],
                  [t('letters.last'), time(letter.lastFailure)],
                  [t('letters.key'), <code>{letter.message.key}</code>],
                  [t('letters.message'), <code>{letter.message.id}</code>],
                  [t('letters.correlation'), <code>{letter.message.correlationId}</code>],
                  [t('letters.source'), letter.message.source],
                  [t('letters.held'), number(letter.held)],
                ]}
              />
            </section>
            <section>
              <h3 class="gap">
                {t('letters.data')} <Copy text={letter.message.data} label={t('act.copy')} />
              </h3>
              <Data text={letter.message.data} />
            </section>
            {letter.message.headers !== undefined && Object.keys(letter.message.headers).length > 0 && (
              <section>
                <h3>{t('letters.headers')}</h3>
                <Attributes of={letter.message.headers} />
              </section>
            )}
            {letter.changes.length > 0 && (
              <section>
                <h3>{t('letters.changes')}</h3>
                <ul>
                  {letter.changes.map((change) => (
                    <li key={`${change.at} ${change.action}`}>
                      {time(change.at)} · {tell('action', change.action)} · {change.by}
                      {change.reason !== '' && ` · ${change.reason}`}
                    </li>
                  ))}
                </ul>
              </section>
            )}
            {editing && <Edit letter={letter} close={() => setEditing(false)} done={answer.again} />}
          </>
        )}
      </Shown>
    </Detail>
  )
}

/** JSON as a tree; what is none as it is. */
export function Data({ text }: { readonly text: string }): JSX.Element {
  try {
    return <Json value={JSON.parse(text)} />
  } catch {
    return <pre class="wrap">{text}</pre>
  }
}

/** From a message to all that is known of what it belongs to. */
export function Links({ message }: { readonly message: Pick<Head, 'correlationId' | 'traceparent'> }): JSX.Element {
  const trace = message.traceparent?.split('-')[1]
  return (
    <>
      {has('story') && (
        <a class="button" href={to('story', message.correlationId)}>
          {t('page.story')}
        </a>
      )}
      {has('traces') && trace !== undefined && (
        <a class="button" href={to('traces', trace)}>
          {t('letters.trace')}
        </a>
      )}
    </>
  )
}

function Edit({
  letter,
  close,
  done,
}: {
  readonly letter: DetailOf
  readonly close: () => void
  readonly done: () => void
}): JSX.Element {
  const before = pretty(letter.message.data)
  const [text, setText] = useState(before)
  const wrong = wrongJson(text)
  const save = async (reason: string): Promise<void> => {
    await ask('letters', 'edit', { id: letter.id, data: JSON.stringify(JSON.parse(text)) }, { reason })
    close()
    note(t('letters.edited'))
    done()
  }
  return (
    <ActForm
      title={t('letters.edit')}
      confirm={t('act.save')}
      reason="needed"
      unfit={wrong !== undefined || pretty(text) === before}
      close={close}
      act={save}
    >
      <textarea
        class="field mono"
        aria-label={t('letters.data')}
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {wrong === undefined ? <Diff before={before} after={pretty(text)} /> : <p class="bad">{wrong}</p>}
    </ActForm>
  )
}

function wrongJson(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
