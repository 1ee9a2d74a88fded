/** What is decided about one saga, once somebody has said why: the service writes both down. */
import { ask } from '../api.ts'
import { confirm } from '../parts/dialog.tsx'
import { t } from '../words/words.ts'

export type Decision = 'resume' | 'skip' | 'compensate'

export function decideSaga(what: Decision, which: { readonly saga: string; readonly id: string }, again: () => void): void {
  let result = ''
  confirm({
    title: `${t(`saga.${what}`)} · ${which.id}`,
    body: (
      <>
        <p>{t(`saga.${what}Hint`)}</p>
        {what === 'skip' && (
          <label class="line">
            <span>{t('saga.result')}</span>
            <textarea
              class="field"
              spellcheck={false}
              placeholder="null"
              onInput={(event) => (result = event.currentTarget.value)}
            />
          </label>
        )}
      </>
    ),
    confirm: t(`saga.${what}`),
    danger: what === 'compensate',
    reason: true,
    act: async (reason) => {
      const input = {
        ...which,
        ...(what === 'skip' && { result: result.trim() === '' ? null : (JSON.parse(result) as unknown) }),
      }
      await ask('sagas', what, input, { reason })
      again()
      return t('saga.done')
    },
  })
}
