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
  const act = async (reason: string): Promise<void> => {
    const told = await asked.act(asked.reason === true ? reason : undefined)
    close()
    if (typeof told === 'string') note(told)
  }
  return (
    <ActForm
      {...{ title: asked.title, confirm: asked.confirm, danger: asked.danger === true, close, act }}
      {...(asked.reason === true && { reason: 'needed' as const })}
    >
      {asked.body}
    </ActForm>
  )
}

/** What is asked before something is done, once: while it is done, nobody can do it again. */
export function ActForm(props: {
  readonly title: string
  readonly confirm: string
  readonly danger?: boolean
  /** Whether the audit is told why. Default: it is not asked. */
  readonly reason?: 'needed' | 'optional'
  /** What is filled in cannot be taken as it is. */
  readonly unfit?: boolean
  readonly close: () => void
  /** @throws what is then shown in the dialog, which stays open */
  readonly act: (reason: string) => Promise<void>
  readonly children?: ComponentChildren
}): JSX.Element {
  const { title, confirm, danger = false, reason: asks, unfit = false, close } = props
  const [reason, setReason] = useState('')
  const [failed, setFailed] = useState<string>()
  const [busy, setBusy] = useState(false)
  const act = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      await props.act(reason.trim())
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error))
    }
    setBusy(false)
  }
  return (
    <Dialog label={title} close={close}>
      <form onSubmit={(event) => void act(event)}>
        <h2>{title}</h2>
        {props.children}
        {asks !== undefined && (
          <label class="line">
            <span>{asks === 'needed' ? t('dialog.reason') : t('dialog.reasonOptional')}</span>
            <input
              class="field"
              required={asks === 'needed'}
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
            class={`button main ${danger ? 'danger' : ''}`}
            disabled={busy || unfit || (asks === 'needed' && reason.trim() === '')}
          >
            {confirm}
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
