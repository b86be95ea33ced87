// The mini program logs in, asks for consent, and makes and moves reminders with this file, which is to be copied into it. WeChat
// demands HTTPS, and that the domain of the service is registered as one for requests.
let session;

/** @param {string} origin - Where the service is, such as `https://reminders.example.com`. */
export function createReminders(origin) {
  const ask = (method, path, data) =>
    new Promise((resolve, reject) => {
      wx.request({
        url: origin + path,
        method,
        data,
        header: { authorization: `Bearer ${session}` },
        success: ({ statusCode, data: answer }) => (statusCode < 300 ? resolve(answer) : reject(answer.error)),
        fail: reject,
      });
    });

  return {
    /** Starts a session; to be called again when an answer is `unauthorized`. */
    async logIn() {
      const { code } = await wx.login();
      ({ session } = await ask('POST', '/sessions', { code }));
    },

    /** Ends the session, also at the service. */
    async logOut() {
      await ask('DELETE', '/sessions');
      session = undefined;
    },

    /** Asks the user for one message more. It has to be called in a tap. */
    async askConsent() {
      const { template } = await ask('GET', '/reminders');
      const answer = await wx.requestSubscribeMessage({ tmplIds: [template] });
      if (answer[template] !== 'accept') return false;
      // The nonce stays the same when the request is sent again.
      await ask('POST', '/consents', { nonce: `${Date.now()}-${Math.random().toString(36).slice(2)}` });
      return true;
    },

    list: () => ask('GET', '/reminders'),
    create: (type, choice) => ask('POST', `/create/${type}`, choice),
    /** With PUT: `wx.request` has no PATCH. */
    edit: (id, choice) => ask('PUT', `/reminders/${id}`, choice),
    remove: (id) => ask('DELETE', `/reminders/${id}`),
  };
}
