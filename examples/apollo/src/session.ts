// The tokens of the signed-in person, shared by all tabs of the browser. One tab at a time refreshes them.

/** The fields of `AuthTokens` that a client stores. */
export type Tokens = { accessToken: string; expiresAt: string; refreshToken: string }

/** Tokens, and the idempotency key of the one request that may exchange them. */
type Stored = Tokens & { refreshKey: string }

/** What a browser provides. Tests provide their own. */
export type Environment = {
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  locks: { request<T>(name: string, run: () => Promise<T>): Promise<T> }
  fetch: typeof fetch
}

const KEY = 'roost:session'
// A token that expires sooner than this is refreshed before it is used.
const MARGIN_MS = 30_000

const REFRESH = `mutation Refresh($refreshToken: String!) {
  sessionRefresh(refreshToken: $refreshToken) {
    tokens { accessToken expiresAt refreshToken }
    userErrors { code message field }
  }
}`

const isExpiring = ({ expiresAt }: Stored) => Date.parse(expiresAt) - Date.now() < MARGIN_MS

/**
 * A refresh token can be used once. The server treats a second use as theft and revokes the session, so two tabs must
 * never send the same one. A Web Lock, which all tabs of an origin share, lets one tab refresh. The others then read its
 * tokens from the storage.
 */
export class Session {
  readonly #url: string
  readonly #environment: Environment
  readonly #channel = new BroadcastChannel(KEY)

  /** Web Locks exist only on pages served by HTTPS, and on localhost. */
  constructor(url: string, environment: Environment = { storage: localStorage, locks: navigator.locks, fetch: fetch.bind(globalThis) }) {
    this.#url = url
    this.#environment = environment
  }

  /** The access token to send now. Undefined if nobody is signed in. */
  async accessToken(): Promise<string | undefined> {
    const stored = this.#read()
    return stored && isExpiring(stored) ? this.#replaceIf(isExpiring) : stored?.accessToken
  }

  /** Replaces an access token that the server has refused. */
  replace(refused: string): Promise<string | undefined> {
    return this.#replaceIf(({ accessToken }) => accessToken === refused)
  }

  /** Checks again under the lock, because another tab may have refreshed the tokens while this one waited. */
  #replaceIf(isDue: (stored: Stored) => boolean): Promise<string | undefined> {
    return this.#environment.locks.request(KEY, async () => {
      const stored = this.#read()
      if (stored === undefined || !isDue(stored)) return stored?.accessToken
      const tokens = await this.#exchange(stored)
      this.#write(tokens)
      return tokens?.accessToken
    })
  }

  /** Stores the tokens of `sessionCreate`, `userRegister` or `sessionRefresh`. Without tokens, signs out. */
  save(tokens: Tokens | undefined): Promise<void> {
    return this.#environment.locks.request(KEY, async () => this.#write(tokens))
  }

  /** Calls the listener when another tab has signed in or out, or has stored new tokens. */
  onChange(listener: () => void): void {
    this.#channel.addEventListener('message', () => listener())
  }

  close(): void {
    this.#channel.close()
  }

  #read(): Stored | undefined {
    return JSON.parse(this.#environment.storage.getItem(KEY) ?? 'null') ?? undefined
  }

  #write(tokens: Tokens | undefined): void {
    if (tokens) {
      const { accessToken, expiresAt, refreshToken } = tokens
      const stored: Stored = { accessToken, expiresAt, refreshToken, refreshKey: crypto.randomUUID() }
      this.#environment.storage.setItem(KEY, JSON.stringify(stored))
    } else {
      this.#environment.storage.removeItem(KEY)
    }
    this.#channel.postMessage(null)
  }

  /**
   * Exchanges the refresh token. Undefined means that the session has ended. A network failure throws and retains the
   * session. The key is stored with the token, so a request whose response was lost, even by closing the tab, is
   * repeated with the same key, and the server returns new tokens instead of revoking the session.
   */
  async #exchange({ refreshToken, refreshKey }: Stored): Promise<Tokens | undefined> {
    const response = await this.#environment.fetch(this.#url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
        'idempotency-key': refreshKey,
      },
      body: JSON.stringify({ query: REFRESH, variables: { refreshToken } }),
    })
    const { data } = (await response.json()) as { data?: { sessionRefresh: { tokens: Tokens | null; userErrors: { code: string }[] } } }
    if (!data) throw new Error(`sessionRefresh failed with status ${response.status}`)
    const { tokens, userErrors } = data.sessionRefresh
    if (tokens) return tokens
    if (userErrors.some(({ code }) => code === 'TOKEN_EXPIRED')) return undefined
    throw new Error(`sessionRefresh was refused: ${userErrors.map(({ code }) => code).join(', ')}`)
  }
}
