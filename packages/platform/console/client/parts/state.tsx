/** What a page shows when it has nothing to show: it loads, it failed, it is empty. Each says what to do. */
import type { ComponentChildren, JSX } from 'preact'
import { Refused } from '../api.ts'
import type { Answer } from '../asking.ts'
import { t } from '../words/words.ts'

export const Loading = (): JSX.Element => (
  <div class="skeleton" role="status">
    <span class="unseen">{t('state.loading')}</span>
    {Array.from({ length: 7 }, (_, at) => (
      <i key={at} />
    ))}
  </div>
)

export const Empty = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }): JSX.Element => (
  <div class="state">
    <h2>{title}</h2>
    {children}
  </div>
)

export const Failed = ({ error, again }: { readonly error: Error; readonly again?: (() => void) | undefined }): JSX.Element => (
  <div class="state" role="alert">
    <h2>{t('state.failed')}</h2>
    <p class="wrap">{error.message}</p>
    {error instanceof Refused && <code class="quiet">{error.code}</code>}
    {again !== undefined && (
      <button type="button" class="button" onClick={again}>
        {t('act.again')}
      </button>
    )}
  </div>
)

/** The value of an answer as `children` show it, or why there is none. An error beside an older value stands above it. */
export function Shown<T>({
  answer,
  children,
}: {
  readonly answer: Answer<T>
  readonly children: (value: T) => ComponentChildren
}): JSX.Element {
  if (answer.value === undefined) {
    if (answer.error !== undefined) return <Failed error={answer.error} again={answer.again} />
    return <Loading />
  }
  return (
    <>
      {answer.error !== undefined && (
        <div class="banner" role="alert">
          {t('state.stale')} {answer.error.message}
          <button type="button" class="button small" onClick={answer.again}>
            {t('act.again')}
          </button>
        </div>
      )}
      {children(answer.value)}
    </>
  )
}

/** Services that did not answer: their letters are not shown, which is not the same as none. */
export function Unheard({ silent }: { readonly silent: readonly { readonly service: string }[] }): JSX.Element | null {
  if (silent.length === 0) return null
  return (
    <div class="banner" role="status">
      {t('silent', { services: silent.map(({ service }) => service).join(', ') })}
    </div>
  )
}
