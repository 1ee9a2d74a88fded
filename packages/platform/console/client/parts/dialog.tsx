/** Questions before something is done, and notes of what was. */
import { signal, type Signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../words/words.ts'

export type Note = { readonly id: number; readonly text: string; readonly bad: boolean }

export const notes: Signal<readonly Note[]> = signal([])
let lastNote = 0

/** Tells what came of an act, for some seconds. */
export function note(text: string, how: { readonly bad?: boolean } = {}): void {
  const one = { id: ++lastNote, text, bad: how.bad === true }
  notes.value = [...notes.value.slice(-3), one]
  setTimeout(() => (notes.value = notes.value.filter((each) => each !== one)), one.bad ? 12_000 : 5_000)
}

export const Notes = (): JSX.Element => (
  <div class="notes" role="status" aria-live="polite">
    {notes.value.map((one) => (
      <div key={one.id} class={`note appear ${one.bad ? 'bad' : ''}`}>
        {one.text}
      </div>
    ))}
  </div>
)

export type Question = {
  readonly title: string
  readonly body?: ComponentChildren
  readonly confirm: string
  readonly danger?: boolean
  /** Whether it needs a reason, which the audit keeps. */
  readonly reason?: boolean
  /** @throws what is then shown in the dialog, which stays open */
  readonly act: (reason: string | undefined) => Promise<string | void>
}

const question: Signal<Question | undefined> = signal(undefined)

/** Asks before something is done. What `act` answers is noted. */
export function confirm(asked: Question): void {
  question.value = asked
}

export function Asked(): JSX.Element | null {
  const asked = question.value
  return asked === undefined ? null : <Confirm key={asked.title} asked={asked} close={() => (question.value = undefined)} />
}

function Confirm({ asked, close }: { readonly asked: Question; readonly close: () => void }): JSX.Element {
  const [reason, setReason] = useState('')
  const [failed, setFailed] = useState<string>()
  const [busy, setBusy] = useState(false)
  const act = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    setFailed(undefined)
    try {
      const told = await asked.act(asked.reason === true ? reason.trim() : undefined)
      close()
      if (typeof told === 'string') note(told)
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error))
      setBusy(false)
    }
  }
  return (
    <Dialog label={asked.title} close={close}>
      <form onSubmit={(event) => void act(event)}>
        <h2>{asked.title}</h2>
        {asked.body}
        {asked.reason === true && (
          <label class="line">
            <span>{t('dialog.reason')}</span>
            <input
              class="field"
              required
              maxLength={500}
              value={reason}
              placeholder={t('dialog.reasonHint')}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        {failed !== undefined && (
          <p class="bad wrap" role="alert">
            {failed}
          </p>
        )}
        <div class="end">
          <button type="button" class="button" onClick={close}>
            {t('act.cancel')}
          </button>
          <button
            type="submit"
            class={`button main ${asked.danger === true ? 'danger' : ''}`}
            disabled={busy || (asked.reason === true && reason.trim() === '')}
          >
            {asked.confirm}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

/** A dialog over the page: the browser keeps the focus inside, and Escape closes it. */
export function Dialog({
  label,
  close,
  children,
  class: kind = '',
}: {
  readonly label: string
  readonly close: () => void
  readonly children: ComponentChildren
  readonly class?: string
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    dialog.current!.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      class={`appear ${kind}`}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault()
        close()
      }}
      onClick={(event) => {
        if (event.target === dialog.current) close()
      }}
    >
      {children}
    </dialog>
  )
}
