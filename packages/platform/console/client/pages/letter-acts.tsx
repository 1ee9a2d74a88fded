/** What is done to dead letters, once somebody has said yes. */
import { ask } from '../api.ts'
import { confirm } from '../parts/dialog.tsx'
import { t } from '../words/words.ts'

/** Asks before a fixed set is retried or thrown away. */
export function decide(what: 'retry' | 'discard', ids: readonly string[], again: () => void): void {
  let rate = ''
  const given = { count: ids.length }
  confirm({
    title: t(`letters.${what}`, given),
    body:
      what === 'discard' ? (
        <p>{t('letters.discardHint', given)}</p>
      ) : (
        <>
          <p>{t('letters.retryHint', given)}</p>
          {ids.length > 1 && (
            <label class="line">
              <span>{t('letters.rate')}</span>
              <input
                class="field"
                type="number"
                min="0.1"
                max="1000"
                step="any"
                placeholder={t('letters.rateHint')}
                onInput={(event) => (rate = event.currentTarget.value)}
              />
            </label>
          )}
        </>
      ),
    confirm: t(`act.${what}`),
    danger: what === 'discard',
    reason: what === 'discard',
    act: async (reason) => {
      const input = { ids, ...(Number(rate) > 0 && { rate: Number(rate) }) }
      const { count } = await ask<{ readonly count: number }>('letters', what, input, { reason })
      again()
      return t(`letters.${what}Done`, { count })
    },
  })
}
