/** One field to go anywhere: a page, a service, a trace or an order by its id. */
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { has } from './api.ts'
import { Dialog } from './parts/dialog.tsx'
import { pages } from './pages.tsx'
import { go, to } from './where.ts'
import { t } from './words/words.ts'

const shown = signal(false)

export function openPalette(): void {
  shown.value = true
}

type Found = { readonly text: string; readonly hint: string; readonly go: string }

function find(text: string): readonly Found[] {
  const wanted = text.trim()
  const low = wanted.toLowerCase()
  const found: Found[] = pages()
    .filter(({ title, id }) => low === '' || title().toLowerCase().includes(low) || id.includes(low))
    .map(({ title, id, key }) => ({
      text: title(),
      hint: key === undefined ? '' : `g ${key}`,
      go: id === 'system' ? '/' : `/${id}`,
    }))
  if (wanted === '') return found
  const isTrace = /^[\da-f]{8,32}$/i.test(wanted)
  if (isTrace && has('traces')) found.push({ text: t('palette.trace', { id: wanted }), hint: '', go: to('traces', low) })
  if (has('story')) found.push({ text: t('palette.story', { id: wanted }), hint: '', go: to('story', wanted) })
  if (has('logs'))
    found.push({ text: t('palette.logs', { text: wanted }), hint: '', go: `/logs?q=${encodeURIComponent(wanted)}` })
  if (has('letters'))
    found.push({ text: t('palette.letters', { text: wanted }), hint: '', go: `/letters?q=${encodeURIComponent(wanted)}` })
  return found
}

export function Palette(): JSX.Element | null {
  return shown.value ? <Open /> : null
}

function Open(): JSX.Element {
  const [text, setText] = useState('')
  const [at, setAt] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const found = find(text)
  const close = (): void => {
    shown.value = false
  }
  const take = (one: Found | undefined): void => {
    if (one === undefined) return
    close()
    go(one.go)
  }
  useEffect(() => list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' }), [at])
  return (
    <Dialog label={t('app.find')} close={close} class="palette">
      <div>
        <input
          role="combobox"
          aria-expanded="true"
          aria-controls="palette"
          aria-activedescendant={found[at] === undefined ? undefined : `found-${at}`}
          aria-label={t('app.find')}
          placeholder={t('palette.hint')}
          value={text}
          autoFocus
          onInput={(event) => {
            setText(event.currentTarget.value)
            setAt(0)
          }}
          onKeyDown={(event) => {
            const step = ({ ArrowDown: 1, ArrowUp: -1 } as Readonly<Record<string, number>>)[event.key]
            if (event.key === 'Enter') take(found[at])
            if (step === undefined) return
            event.preventDefault()
            setAt((at + step + found.length) % Math.max(1, found.length))
          }}
        />
        <ul id="palette" role="listbox" aria-label={t('palette.found')} ref={list}>
          {found.map((one, place) => (
            <li
              key={one.go}
              id={`found-${place}`}
              role="option"
              aria-selected={place === at}
              onClick={() => take(one)}
              onMouseMove={() => setAt(place)}
            >
              {one.text}
              {one.hint !== '' && <kbd class="quiet">{one.hint}</kbd>}
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  )
}
