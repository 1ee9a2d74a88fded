/** The frame around the pages: the bar, the navigation, what keys do. */
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { connected, logOut, open, session, trouble } from './api.ts'
import { Asked, Dialog, Notes } from './parts/dialog.tsx'
import { Icon } from './parts/icons.tsx'
import { Page } from './parts/page.tsx'
import { Empty, Loading } from './parts/state.tsx'
import { openPalette, Palette } from './palette.tsx'
import { pageOf, pages, type PageEntry } from './pages.tsx'
import { language, live, theme, type Theme } from './settings.ts'
import { go, path } from './where.ts'
import { t } from './words/words.ts'

const menu = signal(false)
const keysShown = signal(false)

export function App(): JSX.Element {
  useEffect(() => listenToKeys(), [])
  const page = pageOf(path.value)
  const who = session.value
  useEffect(() => {
    document.title = [page === undefined ? t('app.lost') : page.title(), who?.system ?? 'Dure'].join(' · ')
    menu.value = false
  }, [page, who, language.value])
  if (trouble.value !== undefined) return <Outside />
  if (who === undefined) return <Loading />
  const View = page?.view
  return (
    <div class={`frame ${who.production ? 'in-production' : ''} ${menu.value ? 'menu' : ''}`}>
      <Bar />
      <Navigation current={page} />
      <main tabIndex={-1} id="page">
        {!connected.value && (
          <div class="banner bad" role="alert">
            {t('app.away')}
          </div>
        )}
        {View === undefined ? (
          <Page title={t('app.lost')}>
            <Empty title={t('app.lostHint')}>
              <a class="button" href="/">
                {t('page.system')}
              </a>
            </Empty>
          </Page>
        ) : (
          <View key={page!.id} />
        )}
      </main>
      <Palette />
      <Asked />
      <Notes />
      {keysShown.value && <Keys />}
    </div>
  )
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' }

function Bar(): JSX.Element {
  const who = session.value!
  return (
    <header class="bar">
      <button
        type="button"
        class="button plain icon menu-button"
        aria-label={t('app.menu')}
        aria-expanded={menu.value}
        onClick={() => (menu.value = !menu.value)}
      >
        <Icon name="menu" />
      </button>
      <a class="brand" href="/">
        <img src="/icon.svg" alt="" />
        <span class="cut">{who.system}</span>
        <span class="of">{t('app.console')}</span>
      </a>
      {who.production && <strong class="production">{t('app.production')}</strong>}
      <button type="button" class="find" onClick={openPalette} title={t('app.find')}>
        <Icon name="search" />
        <span class="cut">{t('app.find')}</span>
        <kbd aria-hidden="true">Ctrl K</kbd>
      </button>
      <button
        type="button"
        class="button plain icon"
        aria-pressed={!live.value}
        aria-label={live.value ? t('app.pause') : t('app.resume')}
        title={live.value ? t('app.pause') : t('app.resume')}
        onClick={() => (live.value = !live.value)}
      >
        <Icon name={live.value ? 'pause' : 'play'} />
      </button>
      <button
        type="button"
        class="button plain icon"
        aria-label={t(`app.theme.${theme.value}`)}
        title={t(`app.theme.${theme.value}`)}
        onClick={() => (theme.value = NEXT_THEME[theme.value])}
      >
        <Icon name={({ system: 'half', light: 'sun', dark: 'moon' } as const)[theme.value]} />
      </button>
      <button
        type="button"
        class="button plain small"
        lang={language.value === 'en' ? 'ko' : 'en'}
        onClick={() => (language.value = language.value === 'en' ? 'ko' : 'en')}
      >
        {language.value === 'en' ? '한국어' : 'English'}
      </button>
      {who.logout !== undefined && (
        <button type="button" class="button plain small" title={who.subject} onClick={() => void logOut(who.logout!)}>
          {t('app.logout')}
        </button>
      )}
    </header>
  )
}

function Navigation({ current }: { readonly current: PageEntry | undefined }): JSX.Element {
  const groups = Map.groupBy(pages(), ({ group }) => group)
  return (
    <nav aria-label={t('app.pages')}>
      {[...groups].map(([group, entries]) => (
        <div key={group}>
          <h2>{t(`group.${group}`)}</h2>
          {entries.map((entry) => (
            <a
              key={entry.id}
              href={entry.id === 'system' ? '/' : `/${entry.id}`}
              aria-current={entry === current ? 'page' : undefined}
            >
              {entry.title()}
            </a>
          ))}
        </div>
      ))}
    </nav>
  )
}

/** Nobody is let in yet, or nobody answers. */
function Outside(): JSX.Element {
  const { kind, message } = trouble.value!
  return (
    <main class="welcome">
      <img src="/icon.svg" alt="" />
      <h1>{t(`outside.${kind}`)}</h1>
      <p>{t(`outside.${kind}Hint`)}</p>
      {kind !== 'ended' && (
        <p class="wrap">
          <code>{kind === 'login' || kind === 'used' ? 'dure console' : message}</code>
        </p>
      )}
      {kind === 'ended' ? (
        <button type="button" class="button main" onClick={() => location.reload()}>
          {t('app.login')}
        </button>
      ) : (
        <button type="button" class="button main" onClick={() => void open()}>
          {t('act.again')}
        </button>
      )}
    </main>
  )
}

function Keys(): JSX.Element {
  const close = (): void => {
    keysShown.value = false
  }
  const rows: readonly (readonly [string, string])[] = [
    ['Ctrl K', t('keys.find')],
    ['/', t('keys.search')],
    ['↑ ↓', t('keys.rows')],
    ['Enter', t('keys.open')],
    ['← →', t('keys.fold')],
    ['Esc', t('keys.close')],
    ['p', t('keys.pause')],
    ['?', t('keys.help')],
    ...pages()
      .filter(({ key }) => key !== undefined)
      .map(({ key, title }): readonly [string, string] => [`g ${key}`, title()]),
  ]
  return (
    <Dialog label={t('keys.title')} close={close}>
      <div>
        <h2>{t('keys.title')}</h2>
        <div class="keys">
          {rows.map(([key, text]) => (
            <>
              <kbd>{key}</kbd>
              <span>{text}</span>
            </>
          ))}
        </div>
        <div class="end">
          <button type="button" class="button" onClick={close}>
            {t('act.close')}
          </button>
        </div>
      </div>
    </Dialog>
  )
}

/** Keys that work on every page; `g` and a letter go to one. */
function listenToKeys(): () => void {
  let going = false
  const onKey = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      openPalette()
      return
    }
    const at = event.target instanceof HTMLElement ? event.target : undefined
    const typing = at?.matches('input, textarea, select') === true
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return
    const entry = going ? pages().find(({ key }) => key === event.key) : undefined
    going = event.key === 'g'
    if (entry !== undefined) go(entry.id === 'system' ? '/' : `/${entry.id}`)
    else if (event.key === '/') {
      const field = document.querySelector<HTMLInputElement>('main input[type=search]')
      if (field === null) return
      event.preventDefault()
      field.focus()
      field.select()
    } else if (event.key === '?') keysShown.value = true
    else if (event.key === 'p') live.value = !live.value
    else if (event.key === 'Escape') menu.value = false
  }
  addEventListener('keydown', onKey)
  return () => removeEventListener('keydown', onKey)
}
