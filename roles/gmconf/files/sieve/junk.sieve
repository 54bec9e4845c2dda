# Runs after the user's own script. A user who wants marked mail in the inbox creates the folder Junk/Off.
require ["fileinto", "mailbox"];

if allof (header :is "X-Spam-Flag" "YES", not mailboxexists "Junk/Off") {
  fileinto :create "Junk";
}
