import type { JSX } from 'preact'
import { difference } from '../model/difference.ts'
import { t } from '../words/words.ts'

const SIGNS = { same: ' ', gone: '−', added: '+' } as const

export function Diff({ before, after }: { readonly before: string; readonly after: string }): JSX.Element {
  const lines = difference(before, after)
  if (lines.every(({ kind }) => kind === 'same')) return <p class="quiet">{t('diff.none')}</p>
  return (
    <div class="diff" role="region" aria-label={t('diff.label')} tabIndex={0}>
      {lines.map(({ kind, text }, at) => (
        <div key={at} class={kind}>
          {SIGNS[kind]} {text}
        </div>
      ))}
    </div>
  )
}
