-- Whether users of the realm may share an e-mail address, beside the realm's document: it is asked for each user
-- that is written.
ALTER TABLE realm ADD COLUMN duplicate_emails BIGINT NOT NULL DEFAULT 0;
UPDATE realm SET duplicate_emails = 1 WHERE doc LIKE '%"duplicateEmailsAllowed":true%';

-- Values of attributes are compared in any case.
DELETE FROM user_attribute WHERE EXISTS (SELECT 1 FROM user_attribute o WHERE o.user_id = user_attribute.user_id AND o.name = user_attribute.name AND lower(o.value) = lower(user_attribute.value) AND o.value < user_attribute.value);
UPDATE user_attribute SET value = lower(value);
