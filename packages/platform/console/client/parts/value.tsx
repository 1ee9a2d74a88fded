/** Values of users, as text: nothing of theirs is ever markup. */
import type { ComponentChildren, JSX } from 'preact'
import { line } from '../show.ts'
import { t } from '../words/words.ts'
import { Icon } from './icons.tsx'
import { note } from './dialog.tsx'

/** Deeper or longer than this is not opened by itself. */
const OPEN_DEPTH = 2
const MOST = 200

/** A value as JSON that folds. */
export const Json = ({ value }: { readonly value: unknown }): JSX.Element => (
  <div class="json">
    <Part value={value} depth={0} />
  </div>
)

function Part({ name, value, depth }: { readonly name?: string; readonly value: unknown; readonly depth: number }): JSX.Element {
  const label = name === undefined ? null : <span class="key">{name}: </span>
  if (typeof value !== 'object' || value === null)
    return (
      <div class={name === undefined ? '' : 'leaf'}>
        {label}
        <span class={typeof value === 'string' ? 'text' : 'value'}>
          {typeof value === 'string' ? `"${value}"` : String(value)}
        </span>
      </div>
    )
  const entries = Array.isArray(value) ? value.map((one, at) => [String(at), one] as const) : Object.entries(value)
  const size = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`
  return (
    <details open={depth < OPEN_DEPTH && entries.length <= MOST}>
      <summary>
        {label}
        <span class="quiet">{size}</span>
      </summary>
      {entries.slice(0, MOST).map(([key, one]) => (
        <Part key={key} name={key} value={one} depth={depth + 1} />
      ))}
      {entries.length > MOST && <div class="quiet">{t('value.more', { count: entries.length - MOST })}</div>}
    </details>
  )
}

export const Facts = ({ facts }: { readonly facts: readonly (readonly [string, ComponentChildren])[] }): JSX.Element => (
  <dl class="facts">
    {facts
      .filter(([, value]) => value !== undefined && value !== null && value !== '')
      .map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
  </dl>
)

/** All attributes of a thing, by name. */
export const Attributes = ({ of }: { readonly of: Readonly<Record<string, unknown>> }): JSX.Element => (
  <Facts facts={Object.entries(of).map(([name, value]) => [name, <span class="mono wrap">{line(value)}</span>])} />
)

export const Swatch = ({ hue }: { readonly hue: number }): JSX.Element => <i class={`swatch h${hue}`} aria-hidden="true" />

export function Copy({ text, label }: { readonly text: string; readonly label: string }): JSX.Element {
  const copy = (): void =>
    void navigator.clipboard.writeText(text).then(
      () => note(t('note.copied')),
      () => note(t('note.notCopied'), { bad: true }),
    )
  return (
    <button type="button" class="button plain icon" title={label} aria-label={label} onClick={copy}>
      <Icon name="copy" />
    </button>
  )
}
