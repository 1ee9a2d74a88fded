import type { Page } from 'playwright-core'

/** Goes to another page of the console as its links do: nothing is loaded anew. */
export async function goTo(page: Page, path: string): Promise<void> {
  // What is there now may look like what is waited for.
  await page.evaluate<void>(`document.querySelector('#page > *')?.setAttribute('data-left', '')`)
  await page.evaluate<void>(
    `history.pushState(null, '', ${JSON.stringify(path)}), void dispatchEvent(new PopStateEvent('popstate'))`,
  )
  await page.locator('#page > :not([data-left])').first().waitFor()
}
