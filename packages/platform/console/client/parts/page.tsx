/** The frame of every page: its name, what can be done, what is chosen; a list with what is open of it. */
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { go, query, withQuery } from '../where.ts'
import { t } from '../words/words.ts'
import { Icon } from './icons.tsx'

export function Page({
  title,
  about,
  acts,
  tools,
  children,
}: {
  readonly title: ComponentChildren
  readonly about?: ComponentChildren
  readonly acts?: ComponentChildren
  readonly tools?: ComponentChildren
  readonly children: ComponentChildren
}): JSX.Element {
  return (
    <div class="page">
      <header class="head">
        <h1>{title}</h1>
        {about !== undefined && <span class="about">{about}</span>}
        {acts !== undefined && <div class="acts">{acts}</div>}
      </header>
      {tools !== undefined && (
        <div class="tools" role="search">
          {tools}
        </div>
      )}
      {children}
    </div>
  )
}

/** A list, and beside it what is open of it; on a narrow screen in its place. */
export const Split = ({
  list,
  detail,
}: {
  readonly list: ComponentChildren
  readonly detail?: ComponentChildren
}): JSX.Element => (
  <div class={`split ${detail ? 'open' : ''}`}>
    <div class="list" tabIndex={-1}>
      {list}
    </div>
    {detail}
  </div>
)

/** What is open of a list. Escape closes it. */
export function Detail({
  title,
  about,
  acts,
  close,
  children,
}: {
  readonly title: ComponentChildren
  readonly about?: ComponentChildren
  readonly acts?: ComponentChildren
  readonly close: () => void
  readonly children: ComponentChildren
}): JSX.Element {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && !event.defaultPrevented && document.querySelector('dialog[open]') === null) close()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  })
  return (
    <aside class="detail appear" aria-label={typeof title === 'string' ? title : t('detail.label')} tabIndex={0}>
      <header>
        <div>
          <h2 class="wrap">{title}</h2>
          {about !== undefined && <div class="quiet">{about}</div>}
        </div>
        {acts}
        <button type="button" class="button plain icon" aria-label={t('act.close')} title={t('act.close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </aside>
  )
}

/** A field whose text is in the address; it is taken over when the reader pauses. */
export function Search({
  name = 'q',
  label,
  wait = 250,
}: {
  readonly name?: string
  readonly label: string
  readonly wait?: number
}): JSX.Element {
  const known = query.value.get(name) ?? ''
  const [text, setText] = useState(known)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const mine = useRef(known)
  useEffect(() => {
    if (known !== mine.current) setText((mine.current = known))
  }, [known])
  useEffect(() => () => clearTimeout(timer.current), [])
  const take = (next: string): void => {
    mine.current = next.trim()
    go(withQuery({ [name]: mine.current }), { replace: true })
  }
  return (
    <input
      type="search"
      class="field search"
      placeholder={label}
      aria-label={label}
      value={text}
      onInput={(event) => {
        const next = event.currentTarget.value
        setText(next)
        clearTimeout(timer.current)
        timer.current = setTimeout(() => take(next), wait)
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Enter') return
        clearTimeout(timer.current)
        take(event.currentTarget.value)
      }}
    />
  )
}

/** One of some, in the address. `usual` is what counts when nothing is said: the first, if not another. */
export function Choices<T extends string>({
  name,
  label,
  options,
  usual = options[0]?.[0],
}: {
  readonly name: string
  readonly label: string
  readonly options: readonly (readonly [T, string])[]
  readonly usual?: T | undefined
}): JSX.Element {
  const chosen = query.value.get(name) ?? usual
  return (
    <div class="choices" role="group" aria-label={label}>
      {options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === chosen}
          onClick={() => go(withQuery({ [name]: value === usual ? undefined : value }), { replace: true })}
        >
          {text}
        </button>
      ))}
    </div>
  )
}

/** The same for many: a list that opens. */
export function Select({
  name,
  label,
  all,
  options,
}: {
  readonly name: string
  readonly label: string
  readonly all: string
  readonly options: readonly string[]
}): JSX.Element {
  const chosen = query.value.get(name) ?? ''
  return (
    <select
      class="field"
      aria-label={label}
      value={chosen}
      onChange={(event) => go(withQuery({ [name]: event.currentTarget.value }), { replace: true })}
    >
      <option value="">{all}</option>
      {[...new Set(chosen === '' ? options : [...options, chosen])].map((option) => (
        <option key={option} value={option}>
          {option}
        </option>
      ))}
    </select>
  )
}

export const SPANS = { '15m': 15 * 60_000, '1h': 3_600_000, '6h': 6 * 3_600_000, '1d': 86_400_000, '7d': 7 * 86_400_000 } as const

/** How far back a page looks; in the address as `last`. */
export function Last(): JSX.Element {
  return (
    <Choices
      name="last"
      label={t('last.label')}
      options={(['15m', '1h', '6h', '1d', '7d'] as const).map((span) => [span, span])}
      usual="1h"
    />
  )
}

/** Milliseconds since the epoch from which the page looks, to ten seconds: a question that is asked again stays the same question. */
export function since(): number {
  const span = SPANS[(query.value.get('last') ?? '1h') as keyof typeof SPANS] ?? SPANS['1h']
  return Math.floor((Date.now() - span) / 10_000) * 10_000
}

export const Figure = ({
  value,
  label,
  class: kind = '',
}: {
  readonly value: ComponentChildren
  readonly label: string
  readonly class?: string
}): JSX.Element => (
  <div class="figure">
    <b class={kind}>{value}</b>
    <span>{label}</span>
  </div>
)
