// Reads a Relay connection to its end, page by page.

type PageInfo = { hasNextPage: boolean; endCursor?: string | null }

/** Every page of a connection. If the loop ends early, no further page is requested. */
export async function* pages<Page extends { pageInfo: PageInfo }>(
  read: (after: string | null) => Promise<Page>,
): AsyncGenerator<Page, void> {
  let after: string | null = null
  for (;;) {
    const page: Page = await read(after)
    yield page
    const { hasNextPage, endCursor } = page.pageInfo
    if (!hasNextPage) return
    if (endCursor == null || endCursor === after) throw new Error('a page before the last has no new cursor')
    after = endCursor
  }
}
